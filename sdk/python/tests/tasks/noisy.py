import logging
import os
import sys

from record import called, put, there

from kagurazaka import KagurazakaTask

print("loading")


class Noisy(KagurazakaTask):
    def __init__(self, args):
        print("constructing")

    def generate_tasks(self):
        os.write(1, b"listing without a newline")
        return [{"i": i} for i in range(4)]

    def is_executed(self, i):
        return there(str(i))

    def process(self, i):
        called()
        print("x" * 300000, end="")
        os.write(1, b"\r50%\r" * 1000)
        sys.stderr.write("warning\n")
        logging.getLogger("noisy").warning("logged")
        os.system("echo from a program")
        put(str(i), "done")
