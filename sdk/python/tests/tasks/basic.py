"""Plain tasks that record what happens to them."""

import argparse
import json
import logging
import os
import sys

from kagurazaka import KagurazakaTask


class Lines(KagurazakaTask):
    """Write the lines of items into a folder.

    A second paragraph.
    """

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--count", type=int, default=10, help="number of items")
        p.add_argument("--out", required=True)
        p.add_argument("--mode", choices=["a", "b"], default="a")
        p.add_argument("--verbose", action="store_true")
        p.add_argument("--ratio", "-r", type=float, default=0.5, help="default %(default)s, 100%%")
        p.add_argument("--names", nargs="+", default=["x"])
        p.add_argument("--prompts", type=json.loads)
        p.add_argument("--tag", action="append")
        self.a = p.parse_args(args)
        self.built = os.getpid()

    def generate_tasks(self):
        self.listed = True
        return [{"i": i, "name": f"n{i}"} for i in range(self.a.count)]

    def is_executed(self, i, name):
        return os.path.exists(os.path.join(self.a.out, name))

    def process(self, i, name):
        assert self.listed
        with open(os.path.join(self.a.out, name), "w") as f:
            f.write(f"{i} {self.a.mode} {sys.stdin.read()!r}")


class Bad(KagurazakaTask):
    def generate_tasks(self):
        return [{"how": how} for how in ("fine", "raise", "exit", "interrupt", "memory", "generator", "fine", "recurse")]

    def process(self, how):
        print("working on", how)
        logging.getLogger("bad").info("logged %s", how)
        if how == "raise":
            raise ValueError("broken \udcff item")
        if how == "exit":
            sys.exit(3)
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "memory":
            raise MemoryError
        if how == "generator":
            raise GeneratorExit
        if how == "recurse":
            self.process(how)


class Deadly(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(20)]

    def process(self, i):
        if i == 7:
            os._exit(9)
        if i == 15:
            import ctypes

            ctypes.string_at(0)


class Quits(KagurazakaTask):
    def __init__(self, args):
        os._exit(5)

    def generate_tasks(self):
        return []

    def process(self):
        pass


class Plain:
    """Neither base, but with the methods"""

    def __init__(self, args):
        self.args = args

    def generate_tasks(self):
        return [{"x": 1}]

    def is_executed(self, x):
        return False

    def __call__(self, x):
        assert self.args == ["--any"]


def factory(mixin):
    """Make a task from the mixin"""

    class Made(KagurazakaTask):
        def __init__(self, args):
            p = argparse.ArgumentParser()
            p.add_argument("--" + mixin["option"], type=int)
            p.parse_args(args)

        def generate_tasks(self):
            return [{"n": n} for n in range(mixin["n"])]

        def process(self, n):
            pass

    return Made
