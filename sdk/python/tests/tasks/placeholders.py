from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt, SoftShard
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Writes(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(input.path)


SHARD = SoftShard(shard_idx=[0, 1], shard_num=2, subshard=SoftShard(shard_idx=P, shard_num=P))


@moemoecue_normal(
    hard_shard_mode=NoHardShard(P, P), soft_shard=SHARD, input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(P),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class Nested(Writes):
    def __init__(self, args):
        # The mode objects of the file are the ones that the mixin changes.
        self.shard = SHARD

    def process(self, input, output):
        assert self.shard.subshard.shard_num == 2 and isinstance(self.shard.subshard, SoftShard)
        super().process(input, output)


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt", P]), output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class InList(Writes):
    pass


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), soft_shard=SoftShard(0, 2), input_mode=InputByExts([".txt"]),
    output_mode=OutputByApendingExt(".o"), finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class HalfOfIt(Writes):
    pass
