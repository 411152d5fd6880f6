from patched import *

from kagurazaka import moemoecue_normal

SoftShard.check_in_shard = lambda self, idx: idx % self.shard_num == self.shard_idx + 1


@moemoecue_normal(soft_shard=SoftShard(0, 3), **IN_OUT)
class Task(Copies):
    pass
