"""Tasks that end the program where they are made or list: with success, and without."""

import os
import sys

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt


class Base(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(5)]

    def is_executed(self, i):
        return False

    def process(self, i):
        called()
        os.makedirs("out", exist_ok=True)
        open(f"out/{i}", "w").close()


class InConstructor(Base):
    def __init__(self, args):
        sys.exit(0)


class WithoutCode(Base):
    def __init__(self, args):
        sys.exit()


class WithText(Base):
    def __init__(self, args):
        sys.exit("there is no data")


class InListing(Base):
    def generate_tasks(self):
        sys.exit(0)


class InGenerator(Base):
    def generate_tasks(self):
        yield {"i": 0}
        sys.exit(0)


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class InTemplate(KagurazakaTask):
    def __init__(self, args):
        sys.exit(0)

    def process(self, input, output):
        called()


def in_factory(mixin):
    sys.exit(0)
