from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputByExts, NoHardShard, OutputByApendingExt


class Called(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(6)]

    def is_executed(self, i):
        self.last = i
        return i % 3 == 2

    def __call__(self, i):
        assert self.last == i
        called()
        put(str(i), "from call")
        if i % 2:
            super().__call__(i=i)

    def process(self, i):
        put(str(i), "from process")


@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"))
class CalledInTemplate(KagurazakaTask):
    def is_executed(self, input):
        return False

    def __call__(self, input):
        called()
        super().__call__(input=input)

    def process(self, input, output):
        with open(output.path, "w", errors="surrogateescape") as f:
            f.write(f"{sorted(vars(input).items())} {output.rel_dir} {output.file_name}")
