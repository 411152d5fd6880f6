import argparse

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt, SoftShard
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    soft_shard=SoftShard(0, 1),
    input_mode=InputByExts(exts=[".txt", "jpeg"]),
    output_mode=OutputByApendingExt(ext=".out"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Copy(KagurazakaTask):
    """Write down what the template gives."""

    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--text", default="text")
        self.a = p.parse_args(args)

    def process(self, input, output, **more):
        called()
        with open(output.path, "w", errors="surrogateescape") as f:
            f.write(f"{self.a.text} {input.path} {input.rel_dir} {input.file_name} {output.rel_dir} {output.file_name} {more}")
