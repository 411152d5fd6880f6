"""Parsers of many kinds. Each task writes down what its parser made of the command line."""

import argparse
import shlex
import sys

from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *  # noqa: F403


class Written(KagurazakaTask):
    def generate_tasks(self):
        return [{"text": repr(sorted(vars(self.a).items()))}]

    def is_executed(self, text):
        return False

    def process(self, text):
        called()
        put("arguments", text)


class Cased(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--mode", type=str.lower, choices=["fast", "slow"])
        p.add_argument("--level", type=lambda text: {"low": 1, "high": 2}[text], choices=[1, 2])
        p.add_argument("-V", "--version", action="version", version="Cased 1.2")
        self.a = p.parse_args(args)


class Words(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--a", type=int)
        p.add_argument("rest", nargs="*")
        self.a = p.parse_args(args)


class Long(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--limit_size", type=int)
        p.add_argument("--learning-rate", "-lr", type=float)
        p.add_argument("--log-level")
        p.add_argument("--graceful", action="store_true")
        self.a = p.parse_args(args)


class Strict(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser(allow_abbrev=False)
        p.add_argument("--limit_size", type=int)
        p.add_argument("-x", action="store_true")
        p.add_argument("-y", action="store_true")
        p.add_argument("-n", type=int)
        self.a = p.parse_args(args)


class Named(Written):
    """Arguments that are called like newer flags of the host."""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--progress", action="store_true")
        p.add_argument("--grace", type=int)
        p.add_argument("--item-timeout", type=int)
        p.add_argument("--retry-delay", type=int)
        p.add_argument("--python")
        p.add_argument("--env", nargs="+")
        p.add_argument("--retries", type=int)
        p.add_argument("--resume", action="store_true")
        p.add_argument("--run-dir")
        p.add_argument("--version", action="store_true")
        p.add_argument("-v", "--verbose", action="store_true")
        p.add_argument("-q", type=int)
        p.add_argument("--start_method", choices=["warm", "cold"])
        p.add_argument("--device", default="none")
        self.a = p.parse_args(args)


class Chosen(Written):
    """Arguments that are called like the flags that choose items, divide them and look for faults."""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--limit", type=int)
        p.add_argument("--item", action="append")
        p.add_argument("--shard")
        p.add_argument("--manifest")
        p.add_argument("--files-from", nargs="*")
        p.add_argument("-0", dest="zero", action="store_true")
        p.add_argument("--kg-debug", nargs="?", const="mine")
        p.add_argument("rest", nargs="*")
        self.a = p.parse_args(args)


class Folders(Written):
    """Arguments that are called like the flags that say which files."""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("-i", type=int)
        p.add_argument("--input")
        p.add_argument("-o", "--output", nargs="*")
        p.add_argument("--include", action="append")
        p.add_argument("--exclude")
        p.add_argument("--dry-run", action="store_true")
        self.a = p.parse_args(args)


class SecondFolders(Written):
    def __init__(self, args):
        first = argparse.ArgumentParser(add_help=False)
        first.add_argument("--config")
        known, rest = first.parse_known_args(args)
        second = argparse.ArgumentParser()
        second.add_argument("--input")
        second.add_argument("-o")
        second.add_argument("--dry-run", action="store_true")
        second.add_argument("rest", nargs="*")
        self.a = second.parse_args(rest, namespace=known)


class Sub(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--root", type=int, default=0)
        kinds = p.add_subparsers(dest="kind", required=True)
        train = kinds.add_parser("train")
        train.add_argument("--epochs", type=int, default=1)
        train.add_argument("--progress", action="store_true")
        train.add_argument("--grace", type=int)
        train.add_argument("names", nargs="*")
        test = kinds.add_parser("test", aliases=["check"])
        test.add_argument("--chunk_size", type=int)
        self.a = p.parse_args(args)


class FromFile(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser(fromfile_prefix_chars="@")
        p.add_argument("--size", type=int)
        p.add_argument("rest", nargs="*")
        self.a = p.parse_args(args)


class Parents(Written):
    def __init__(self, args):
        common = argparse.ArgumentParser(add_help=False)
        common.add_argument("--common", required=True)
        group = common.add_mutually_exclusive_group()
        group.add_argument("--one", action="store_true")
        group.add_argument("--two", action="store_const", const=2)
        p = argparse.ArgumentParser(parents=[common])
        p.add_argument("--tag", action="append", default=["base"])
        p.add_argument("--more", action="extend", nargs="+", type=int)
        p.add_argument("-c", action="count", default=0)
        p.add_argument("--both", action=argparse.BooleanOptionalAction, default=None)
        p.add_argument("--pair", nargs=2, type=float)
        p.add_argument("--maybe", nargs="?", const="const", default="absent")
        self.a = p.parse_args(args)


class Rest(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--a", type=int)
        p.add_argument("command", nargs=argparse.REMAINDER)
        self.a = p.parse_args(args)


class Negative(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--shift", type=float)
        p.add_argument("-n", type=int)
        p.add_argument("--text")
        p.add_argument("offsets", nargs="*", type=int)
        self.a = p.parse_args(args)


class Digits(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("-1", dest="one", action="store_true")
        p.add_argument("--text")
        self.a = p.parse_args(args)


class OwnType(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser(prefix_chars="-+")
        p.add_argument("+plus", type=int)
        p.add_argument("--split", type=shlex.split)
        p.add_argument("--pair", type=lambda text: tuple(map(int, text.split("x"))), default="1x2")
        self.a = p.parse_args(args)


class TwoParsers(Written):
    def __init__(self, args):
        first = argparse.ArgumentParser(add_help=False)
        first.add_argument("--config")
        known, rest = first.parse_known_args(args)
        second = argparse.ArgumentParser()
        second.add_argument("--chunk_size", type=int)
        self.a = second.parse_args(rest, namespace=known)


class Intermixed(Written):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--a", type=int)
        p.add_argument("first")
        p.add_argument("rest", nargs="*", type=int)
        self.a = p.parse_intermixed_args(args)


class ByHand(Written):
    def __init__(self, args):
        self.a = argparse.Namespace(args=args)


class Vector(Written):
    """Looks at the vector itself."""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--n_items", type=int)
        self.a = p.parse_args(args)
        self.a.last = sys.argv[-1]


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"),  # noqa: F405
    input_mode=InputByExts([".txt"]),  # noqa: F405
    output_mode=OutputByApendingExt(".o"),  # noqa: F405
    finish_check_mode=FinishCheckByOutputFileExistence(),  # noqa: F405
)
class Shaped(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--mode", type=str.upper, choices=["FAST", "SLOW"], default="FAST")
        self.a = p.parse_args(args)

    def process(self, input, output, **kw):
        called()
        with open(output.path, "w") as file:
            file.write(self.a.mode)
