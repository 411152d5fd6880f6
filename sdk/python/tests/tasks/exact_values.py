from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FileTriplet, InputMode, NoHardShard


class Labelled(InputMode):
    def __init__(self, labels, threshold):
        self.labels, self.threshold = labels, threshold

    def generate_tasks(self, input_path):
        return [{"input": FileTriplet("x", ".", "x"), "seen": repr((self.labels, self.threshold))}]


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), input_mode=Labelled({1: "cat", "two": "dog"}, float("inf")))
class Values(KagurazakaTask):
    def __init__(self, args):
        pass

    def is_executed(self, input, seen):
        return False

    def process(self, input, seen):
        called()
        put("seen", seen)
