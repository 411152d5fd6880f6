from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt

TEMPLATE = dict(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip


@moemoecue_normal(**TEMPLATE, mixin_mode=False)
class AtOnce(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(input.path)


class Derived(AtOnce):
    def process(self, **item):
        assert list(item) == ["input"]
        super().process(**item)


@moemoecue_normal(**TEMPLATE, apply=False)
class NotAtAll(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": 1}]

    def is_executed(self, i):
        return False

    def process(self, i):
        called()
        put("plain", "plain")


ByHand = moemoecue_normal(**TEMPLATE)(
    type("ByHand", (KagurazakaTask,), {"process": lambda self, input, output: AtOnce.process(self, input=input)})
)


def by_hand(mixin):
    return ByHand(mixin)
