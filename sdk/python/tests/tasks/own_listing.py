from record import called, put

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FileTriplet, NoHardShard, OutputByApendingExt, SoftShard


class Base(KagurazakaTask):
    def is_executed(self, **item):
        return False

    def process(self, i, input, output):
        called()
        assert type(input) is FileTriplet and type(output) is FileTriplet
        with open(output.path, "w") as f:
            f.write(f"{i} {input.path} {output.rel_dir}")

    def items(self):
        return ({"i": i, "input": FileTriplet(f"/x/{i}", f"d{i % 2}", str(i))} for i in range(9))


TEMPLATE = dict(hard_shard_mode=NoHardShard("unused", "out"), soft_shard=SoftShard(1, 3), output_mode=OutputByApendingExt(".o"))


@moemoecue_normal(**TEMPLATE)
class Lists(Base):
    def generate_tasks(self):
        return list(self.items())


@moemoecue_normal(**TEMPLATE)
class Yields(Base):
    def generate_tasks(self):
        yield from self.items()


@moemoecue_normal(hard_shard_mode=None, soft_shard=SoftShard(0, 2))
class OnlyShards(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i, "pair": (i, i)} for i in range(5)]

    def is_executed(self, **item):
        return False

    def process(self, i, pair):
        called()
        put(str(i), repr(pair))
