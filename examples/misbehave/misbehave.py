"""The Python twin of the plugin in this folder: a task file that does one thing wrong, for tests of the host.

The variable KAGURAZAKA_MISBEHAVE names it:

    before the handshake   exit-before-handshake (when the file is loaded)
    in a call              crash-CALL, mute-CALL, stop-CALL, where CALL is open or list; crash-worker (as soon as one is forked)
    at an item             error-at-item, exit-at-item, kill-self-at-item, hang-at-item, leak-at-item, reserve-at-item, stop-self, half-output, no-output,
                           other-output, flood-stdout, flood-stderr, fork-children
    at every item          leak, slow
    at a worker's end      fail-close (a function of atexit), fail-finalizer (of multiprocessing), crash-close, hang-close, slow-thread (writes the
                           file KAGURAZAKA_MISBEHAVE_STATE/PID when the items are done)
    at the end of the process that holds the task   fail-close-list

KAGURAZAKA_MISBEHAVE_ITEM is the number of the item, 0 by default. What only a plugin without the SDK can do wrong is in
raw/raw.py.
"""

import argparse
import atexit
import multiprocessing.util
import os
import signal
import subprocess
import sys
import threading
import time

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER

BEHAVIOUR = os.environ.get("KAGURAZAKA_MISBEHAVE", "")
TARGET = int(os.environ.get("KAGURAZAKA_MISBEHAVE_ITEM") or 0)
FLOOD = 1 << 20

kept = []


def say():
    print("misbehave:", BEHAVIOUR, file=sys.stderr, flush=True)


def hang():
    while True:
        time.sleep(3600)


def meddle(call):
    """Misbehave if this is the call for it."""
    if BEHAVIOUR == "crash-" + call:
        say()
        os._exit(7)
    if BEHAVIOUR == "mute-" + call:
        say()
        hang()
    if BEHAVIOUR == "stop-" + call:
        say()
        os.kill(os.getpid(), signal.SIGSTOP)
        hang()


def act(item):
    """Misbehave if this is the item for it."""
    prepare_end()
    if BEHAVIOUR == "leak":
        kept.append(bytearray(b"x" * (8 << 20)))
    elif BEHAVIOUR == "slow":
        time.sleep(0.001)
    if item != TARGET:
        return
    if BEHAVIOUR == "error-at-item":
        raise ValueError(f"misbehave: an error at item {item}")
    if BEHAVIOUR == "exit-at-item":
        os._exit(7)
    if BEHAVIOUR in ("kill-self-at-item", "half-output"):
        os.kill(os.getpid(), signal.SIGKILL)
    if BEHAVIOUR == "leak-at-item":
        say()
        while True:
            kept.append(bytearray(b"x" * (8 << 20)))
    if BEHAVIOUR == "reserve-at-item":
        say()
        while True:
            kept.append(bytearray(64 << 20))  # addresses alone: memory that nobody has touched is not there
    if BEHAVIOUR == "hang-at-item":
        say()
        hang()
    if BEHAVIOUR == "stop-self":
        say()
        os.kill(os.getpid(), signal.SIGSTOP)
        hang()  # threads stop one after another
    if BEHAVIOUR == "flood-stdout":
        print("#" * FLOOD)
        write_all(1)
    if BEHAVIOUR == "flood-stderr":
        print("#" * FLOOD, file=sys.stderr)
        write_all(2)
    if BEHAVIOUR == "fork-children":
        for _ in range(2):
            subprocess.Popen(["sh", "-c", 'trap "" INT TERM HUP; while :; do sleep 1; done'])
        say()


def prepare_end():
    """See to it that a worker misbehaves at its end."""
    if kept or not (BEHAVIOUR.endswith("-close") or BEHAVIOUR in ("fail-finalizer", "slow-thread")):
        return
    kept.append(None)
    if BEHAVIOUR == "fail-close":
        atexit.register(fail)
    elif BEHAVIOUR == "fail-finalizer":
        multiprocessing.util.Finalize(None, fail, exitpriority=1)
    elif BEHAVIOUR == "slow-thread":
        threading.Thread(target=write_slowly).start()
    else:
        atexit.register(meddle, "close")
        atexit.register(hang_at_end)


def fail():
    raise ValueError("misbehave: the last of the data cannot be written")


def hang_at_end():
    if BEHAVIOUR == "hang-close":
        say()
        hang()


def write_slowly():
    time.sleep(0.3)
    with open(os.path.join(os.environ["KAGURAZAKA_MISBEHAVE_STATE"], str(os.getpid())), "w") as file:
        file.write("all of it")


def write_all(fd):
    """Flood a descriptor as a C library would, past the objects of module sys."""
    text = memoryview(b"=" * FLOOD)
    while text:
        text = text[os.write(fd, text) :]


def number(name):
    digits = "".join(c for c in name if c.isdigit())
    return int(digits) if digits else -1


if BEHAVIOUR == "exit-before-handshake":
    print("misbehave: leaving before the handshake", file=sys.stderr, flush=True)
    os._exit(7)
if BEHAVIOUR == "crash-worker":
    os.register_at_fork(after_in_child=lambda: os._exit(7))


class Items(KagurazakaTask):
    """Makes items and does nothing with them, or something wrong"""

    def __init__(self, args):
        parser = argparse.ArgumentParser()
        parser.add_argument("--count", type=int, default=100, help="Number of items.")
        self.args = parser.parse_args(args)
        if BEHAVIOUR == "fail-close-list":
            atexit.register(fail)
        meddle("open")

    def generate_tasks(self):
        for i in range(self.args.count):
            if i == self.args.count // 2:
                meddle("list")
            yield {"i": i}

    def process(self, i):
        act(i)


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=KAGURAZAKA_MIXIN_PLACEHOLDER, output_path=KAGURAZAKA_MIXIN_PLACEHOLDER),
    input_mode=InputByExts(exts=[".txt"]),
    output_mode=OutputByApendingExt(ext=".out"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Files(KagurazakaTask):
    """Writes a file for every text file, or half of it"""

    def process(self, input, output):
        name, item = input.file_name, number(input.file_name)
        with open(input.path) as file:
            text = file.read()
        if BEHAVIOUR == "no-output" and item == TARGET:
            return
        with open(output.path, "w", buffering=1 << 16) as file:
            file.write(f"the first half of {name}, ")
            file.flush()
            act(item)
            if BEHAVIOUR == "other-output" and item == TARGET:
                other = f"f{item - 1:05d}.txt"
                with open(os.path.join(os.path.dirname(output.path), other + ".out"), "w") as beside:
                    beside.write(f"the first half of {other}, by {name}\n")
            file.write(f"the second half of {name}: {text}\n")
