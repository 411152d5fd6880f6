"""The plugin's processes. Nothing here is for task files.

``python -m kagurazaka.serve FILE`` becomes three kinds of processes:

- the relay (relay.py) answers the host. It holds the gRPC server and hands requests on as bytes; it never loads user code.
- the nursery (nursery.py) is forked from the relay before that starts its server, so that it has no gRPC threads. It loads
  the task file, constructs the task, lists, and forks workers. Where the host asks this process itself to work (Run), the
  nursery does that.
- workers (worker.py) are forked from the nursery once the task is built and listed. Each starts a gRPC server of its own.

Relay and nursery talk over two socket pairs: `control` for calls that have one answer and for events, `data` for the
streams of List and Run, whose back pressure is the socket's.
"""
