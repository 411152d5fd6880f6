import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputByExts, NoHardShard, OutputByApendingExt

TEMPLATE = dict(hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"))


class Writes(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(input.path)


@moemoecue_normal(**TEMPLATE)
class OfInput(Writes):
    def is_executed(self, input):
        return input.file_name.startswith("a")


@moemoecue_normal(**TEMPLATE)
class OfOutput(Writes):
    def is_executed(self, input, output):
        return os.path.exists(output.path)


@moemoecue_normal(**TEMPLATE)
class Without(Writes):
    pass
