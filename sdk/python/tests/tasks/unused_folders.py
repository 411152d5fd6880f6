"""Hard shard modes with folders that nothing uses, the working folder as output, and extensions in other forms than lists."""

import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    HardShardModeV1,
    InputByExts,
    InputByGlob,
    InputFromFileTripletJsonl,
    NoHardShard,
    OutputByApendingExt,
    SoftShard,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Lists(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(5)]

    def is_executed(self, i):
        return os.path.exists(f"out/{i}")

    def process(self, i):
        called()
        os.makedirs("out", exist_ok=True)
        open(f"out/{i}", "w").close()


class Says(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w", errors="surrogateescape") as file:
            file.write(f"{input.path} {input.rel_dir} {input.file_name} {output.rel_dir}")


def lists(name, hard):
    return moemoecue_normal(hard_shard_mode=hard, soft_shard=SoftShard(0, 2))(type(name, (Lists,), {"__module__": __name__}))


def says(name, hard, mode):
    return moemoecue_normal(
        hard_shard_mode=hard, input_mode=mode, output_mode=OutputByApendingExt(".o"), finish_check_mode=FinishCheckByOutputFileExistence()
    )(type(name, (Says,), {"__module__": __name__}))


Empty = lists("Empty", NoHardShard("", ""))
Nones = lists("Nones", NoHardShard(None, None))
Half = lists("Half", NoHardShard("", P))
NoneV1 = lists("NoneV1", HardShardModeV1(None, None, None, None, 0))

Here = says("Here", NoHardShard(None, ""), InputFromFileTripletJsonl("list.jsonl"))
GlobHere = says("GlobHere", NoHardShard("", "out"), InputByGlob("in/*.txt"))
Base = says("Base", HardShardModeV1("", "out", "", "made", "in"), InputByExts([]))

IN = NoHardShard("in", "out")
Everything = says("Everything", IN, InputByExts(None))
OneText = says("OneText", IN, InputByExts(".txt"))
ATuple = says("ATuple", IN, InputByExts((".txt", ".md")))
ASet = says("ASet", IN, InputByExts({".txt", ".md"}))
Given = says("Given", IN, InputByExts(P))
