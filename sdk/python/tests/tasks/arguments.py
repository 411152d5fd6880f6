import argparse
import json
import pathlib

from record import called, put

from kagurazaka import KagurazakaTask


class Parsed(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--size", "-s", type=int, default=1)
        p.add_argument("--ratio", type=float)
        p.add_argument("--flag", action="store_true")
        p.add_argument("--no-cache", dest="cache", action="store_false")
        p.add_argument("--names", nargs="*", default=[])
        p.add_argument("--prompts", type=json.loads)
        p.add_argument("--mode", choices=["fast", "slow"], default="slow")
        p.add_argument("--path", type=pathlib.Path)
        p.add_argument("--tag", action="append")
        p.add_argument("--n", type=int)
        p.add_argument("-v", action="count", default=0)
        p.add_argument("rest", nargs="*")
        self.a = p.parse_args(args)

    def generate_tasks(self):
        return [{"text": repr(sorted(vars(self.a).items()))}]

    def is_executed(self, text):
        return False

    def process(self, text):
        called()
        put("arguments", text)


class Known(Parsed):
    def __init__(self, args):
        p = argparse.ArgumentParser(allow_abbrev=False)
        p.add_argument("--size", type=int)
        self.a, rest = p.parse_known_args(args)
        self.a.rest = rest


class Raw(Parsed):
    def __init__(self, args):
        self.a = argparse.Namespace(args=args)
