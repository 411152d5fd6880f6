import os
import sys

from record import called, put, there

from kagurazaka import KagurazakaTask


class Lines(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i, "line": line.rstrip("\n")} for i, line in enumerate(sys.stdin)]

    def is_executed(self, i, line):
        return there(str(i))

    def process(self, i, line):
        called()
        put(str(i), f"{line} {sys.stdin.read()!r} {os.read(0, 10)!r}")
