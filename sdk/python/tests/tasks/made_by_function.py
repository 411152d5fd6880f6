from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputByExts, NoHardShard, OutputByApendingExt


def make(mixin):
    class Made(KagurazakaTask):
        def generate_tasks(self):
            return [{"i": 0}]

        def is_executed(self, i):
            return False

        def process(self, i):
            called()
            put("mixin", repr(mixin))

    return Made


def with_template(mixin):
    @moemoecue_normal(
        hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts(mixin["exts"]),
        output_mode=OutputByApendingExt(mixin["ext"]), mixin_mode=False,
    )  # fmt: skip
    class Made(KagurazakaTask):
        def is_executed(self, input):
            return False

        def process(self, input, output):
            called()
            with open(output.path, "w") as f:
                f.write(input.path)

    return Made
