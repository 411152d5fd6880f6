from record import called, put, there

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputFromWhateverJsonl, NoHardShard, SoftShard


@moemoecue_normal(
    hard_shard_mode=NoHardShard(".", "out"), soft_shard=SoftShard([0, 2], 3), input_mode=InputFromWhateverJsonl("items.jsonl")
)
class Anything(KagurazakaTask):
    def is_executed(self, i, **item):
        return there(str(i))

    def process(self, i, **item):
        called()
        put(str(i), repr(sorted(item.items())))
