from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import HardShardModeV1, InputByExts, OutputByApendingExt, SoftShard
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


@moemoecue_normal(
    hard_shard_mode=HardShardModeV1("in", "out", "pictures", "made", shard_idx=P),
    soft_shard=SoftShard(shard_idx=[1, 0], shard_num=4, subshard=SoftShard(shard_idx=[1], shard_num=2)),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByApendingExt(".o"),
)
class Sharded(KagurazakaTask):
    def is_executed(self, input):
        return False

    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(input.path)
