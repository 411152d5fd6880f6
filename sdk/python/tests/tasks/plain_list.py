import argparse

from record import called, put, there

from kagurazaka import KagurazakaTask


class Squares(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--count", type=int, default=20)
        self.count = p.parse_args(args).count

    def generate_tasks(self):
        return [{"i": i, "name": f"{i}.txt"} for i in range(self.count)]

    def is_executed(self, i, name):
        return there(name)

    def process(self, i, name):
        called()
        put(name, str(i * i))


class Others(list):
    """A list that yields other items than it holds."""

    def __iter__(self):
        return iter([{"i": 100, "name": "100"}, {"i": 101, "name": "101"}])


class OfItsOwnList(Squares):
    def generate_tasks(self):
        return Others([{"i": 1, "name": "1"}])
