"""The plugin's processes. Task files must not import this package.

``python -m kagurazaka.serve FILE`` becomes three kinds of processes:

- The relay (relay.py) answers the host. It runs the gRPC server and forwards requests as bytes; it never loads user code.
- The nursery (nursery.py) is forked from the relay before the server starts, so it has no gRPC threads. It loads
  the task file, constructs the task, lists, and forks workers. If the host calls Run on this process, the nursery
  serves that, too.
- Workers (worker.py) are forked from the nursery once the task is constructed and listed. Each starts its own gRPC server.

Relay and nursery communicate over two socket pairs: `control` for calls with one answer and for events, `data` for the
streams of List and Run, with the socket's back pressure.
"""
