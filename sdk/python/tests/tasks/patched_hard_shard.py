import os

from patched import *

from kagurazaka import moemoecue_normal

HardShardModeV1.get_shard_input = lambda self: os.path.join(self.base_input_path, f"{self.shard_idx:03}", self.input_name)


@moemoecue_normal(**{**IN_OUT, "hard_shard_mode": HardShardModeV1("in", "out", "pictures", "made", 7)})
class Task(Copies):
    pass
