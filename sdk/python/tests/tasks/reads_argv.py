"""Files that read the command line while they are loaded."""

import argparse
import sys

import reads_argv_too
from applied_base import note, template

from kagurazaka import KagurazakaTask

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=1)
own, _ = parser.parse_known_args()


class _Base(KagurazakaTask):
    text = "fast" if "--fast" in sys.argv else "slow"

    def __init__(self, args):
        pass

    def process(self, input, output):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(f"{self.text} {sys.argv[2:]}")


@template(".fast" if "--fast" in sys.argv else ".slow")
class Suffix(_Base):
    pass


@template(f".{sys.argv[2] if len(sys.argv) > 2 else 'none'}")
class Named(_Base):
    pass


@template(f".{own.size}")
class Parsed(_Base):
    pass


@template(reads_argv_too.SUFFIX)
class Sibling(_Base):
    pass
