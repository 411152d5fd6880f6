"""Serves the contract without the SDK, which would not let it misbehave: a plugin in Python that does one thing wrong.

The variable KAGURAZAKA_MISBEHAVE names it: exit-before-handshake, print-before-handshake, hang-before-handshake, wrong-version,
exit-after-handshake; crash-CALL, mute-CALL or stop-CALL, where CALL is describe, open, list, run or spawn; over-limit-describe,
over-limit (in List), over-limit-run, close-socket-list, close-socket (in Run), wrong-block, answers-twice, answers-unknown,
answers-too-many, answers-unsent, answers-both, ends-run, unimplemented-run, wordless-run. It watches no lifeline.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

from kagurazaka._proto import plugin_pb2 as pb

BEHAVIOUR = os.environ.get("KAGURAZAKA_MISBEHAVE", "")
OVER_LIMIT = 65 << 20

count = 100
server = None
leave = threading.Event()


def say(what=BEHAVIOUR):
    print("misbehave:", what, file=sys.stderr, flush=True)


def hang():
    while True:
        time.sleep(3600)


def meddle(call):
    """Misbehave if this is the call for it."""
    if BEHAVIOUR in ("crash-" + call, "mute-" + call, "stop-" + call):
        say()
    if BEHAVIOUR == "crash-" + call:
        os._exit(7)
    if BEHAVIOUR == "stop-" + call:
        os.kill(os.getpid(), signal.SIGSTOP)
    if BEHAVIOUR in ("mute-" + call, "stop-" + call):
        hang()


def close_socket(behaviour):
    if BEHAVIOUR == behaviour:
        server.stop(grace=None)
        hang()


def describe(request, context):
    meddle("describe")
    argument = pb.Argument(name="count", flags=["--count"], type=pb.ARGUMENT_TYPE_INT, default_json="100", help="Number of items.")
    task = pb.Task(name="Items", kind=pb.TASK_KIND_NORMAL, summary="Does something wrong", open_arguments=True,
                   arguments=[argument], capabilities=["list"])  # fmt: skip
    name = "x" * OVER_LIMIT if BEHAVIOUR == "over-limit-describe" else "misbehave"
    return pb.DescribeResponse(name=name, sdk="none", tasks=[task], capabilities=["spawn"] if BEHAVIOUR.endswith("-spawn") else [])


def open_task(request, context):
    global count
    meddle("open")
    words = [word for arg in request.args for word in arg.split("=", 1)]
    for name, value in zip(words, words[1:]):
        if name == "--count":
            count = int(value)
    return pb.OpenResponse()


def list_items(request, context):
    meddle("list")
    close_socket("close-socket-list")
    items = [json.dumps({"i": i}) for i in range(count)]
    if BEHAVIOUR == "over-limit":
        items = [json.dumps({"i": "x" * OVER_LIMIT})]
    block = pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(items), payload="\n".join(items).encode())
    if BEHAVIOUR == "wrong-block":
        block.count += 1
    yield pb.ListResponse(block=block)


def spawn(requests, context):
    for request in requests:
        if request.HasField("spawn"):
            meddle("spawn")


def run(requests, context):
    for request in requests:
        meddle("run")
        close_socket("close-socket")
        if BEHAVIOUR == "ends-run":
            return
        if BEHAVIOUR == "unimplemented-run":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "misbehave: the license server does not answer")
        if BEHAVIOUR == "wordless-run":
            context.abort(grpc.StatusCode.INTERNAL, "")
        for result in results(request.chunk):
            yield pb.RunResponse(result=result)


def results(chunk):
    """The answers to a chunk: the right one, or what the behaviour makes of it."""
    size = sum(part.take or part.block.count - part.skip for part in chunk.parts)
    result = pb.ChunkResult(id=chunk.id, count=size, busy_ns=1)

    def fail(index, message):
        result.failures.append(pb.ItemFailure(index=index, error=pb.Error(message=message)))

    if BEHAVIOUR == "answers-twice" and chunk.id == 1:
        return [result, result]  # once in a run, so that it can come to its end
    if BEHAVIOUR == "answers-unknown":
        result.id += 1_000_000
    elif BEHAVIOUR == "answers-too-many":
        result.count += 7
    elif BEHAVIOUR == "answers-unsent":
        fail(size + 5, "an item of somebody else's")
    elif BEHAVIOUR == "answers-both":
        result.skipped.append(pb.IndexRange(first=0, count=1))
        fail(0, "skipped, and failed")
    elif BEHAVIOUR == "over-limit-run":
        fail(0, "x" * OVER_LIMIT)
    return [result]


def until_the_end(request, context):
    leave.wait()
    return
    yield


def shutdown(request, context):
    leave.set()
    return b""


def handlers():
    def of(make, behave, request=None):
        return make(behave, request.FromString if request else None, lambda m: m if isinstance(m, bytes) else m.SerializeToString())

    one, many, both = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler, grpc.stream_stream_rpc_method_handler
    service = {
        "Describe": of(one, describe, pb.DescribeRequest),
        "Open": of(one, open_task, pb.OpenRequest),
        "List": of(many, list_items, pb.ListRequest),
        "Run": of(both, run, pb.RunRequest),
        "Spawn": of(both, spawn, pb.SpawnRequest),
    }
    return [
        grpc.method_handlers_generic_handler("kagurazaka.v1.PluginService", service),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": of(one, lambda r, c: b"\x08\x01")}),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": of(one, shutdown)}),
        grpc.method_handlers_generic_handler("plugin.GRPCStdio", {"StreamStdio": of(many, until_the_end)}),
    ]


def main():
    global server
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    if BEHAVIOUR == "exit-before-handshake":
        say("leaving before the handshake")
        os._exit(7)
    if BEHAVIOUR == "print-before-handshake":
        print("misbehave: some words before the handshake", flush=True)
    if BEHAVIOUR == "hang-before-handshake":
        say()
        hang()
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp()
    path = os.path.join(folder, f"raw{os.getpid()}.sock")
    limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), handlers=handlers(), options=limits)
    if BEHAVIOUR != "exit-after-handshake":
        server.add_insecure_port(f"unix:{path}")
        server.start()
    version = 99 if BEHAVIOUR == "wrong-version" else 1
    print(f"1|{version}|unix|{path}|grpc", flush=True)
    if BEHAVIOUR == "exit-after-handshake":
        say("leaving after the handshake")
        os._exit(7)
    leave.wait()
    server.stop(grace=0.2).wait(1)
    os._exit(0)


main()
