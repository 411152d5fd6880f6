import argparse

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Base(KagurazakaTask):
    def __init__(self, args):
        parser = argparse.ArgumentParser()
        self.add(parser)
        self.a = parser.parse_args(args)

    def add(self, parser):
        parser.add_argument("--word", default="word")


@moemoecue_normal(
    hard_shard_mode=NoHardShard(P, P),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Task(Base):
    def add(self, parser):
        super().add(parser)
        parser.add_argument("--more", type=int, required=True)

    def process(self, input, output):
        called()
        # Asking the task itself works as the template made it.
        assert self.is_executed(input=input) is False
        with open(output.path, "w") as f:
            f.write(f"{self.a.word} {self.a.more} {len(list(self.generate_tasks()))}")
