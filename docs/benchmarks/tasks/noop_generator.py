"""The no-op task of the benchmarks with items from a generator instead of a list."""

import argparse

from kagurazaka import KagurazakaTask


class Noop(KagurazakaTask):
    def __init__(self, args):
        parser = argparse.ArgumentParser()
        parser.add_argument("--count", type=int, default=100000, help="number of items")
        self.count = parser.parse_args(args).count

    def generate_tasks(self):
        for i in range(self.count):
            yield {"i": i, "path": f"/data/in/{i % 1000}/{i}.jpg"}

    def is_executed(self, **item):
        return False

    def process(self, **item):
        pass
