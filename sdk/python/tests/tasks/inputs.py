from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByGlob,
    InputBySubDirectory,
    InputFromFileTripletJsonl,
    NoHardShard,
    OutputByApendingExt,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Says(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(f"{input.path} {input.rel_dir} {input.file_name} {output.rel_dir}")


def task(name, mode):
    return moemoecue_normal(
        hard_shard_mode=NoHardShard("in", "out/base"), input_mode=mode, output_mode=OutputByApendingExt(".o"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
    )(type(name, (Says,), {"__module__": __name__}))  # fmt: skip


Glob = task("Glob", InputByGlob(glob_pattern=P))
Folders = task("Folders", InputBySubDirectory(sub_directory_level=P))
Lines = task("Lines", InputFromFileTripletJsonl(jsonl_path="list.jsonl"))
