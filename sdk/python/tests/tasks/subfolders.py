import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByFilenameSubfoldering,
    SoftShard,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Writes(KagurazakaTask):
    def process(self, input, output, output_test, output_more):
        called()
        for triplet in (output_test, output_more):
            with open(triplet.path, "w", errors="surrogateescape") as f:
                f.write(f"{triplet.rel_dir} {triplet.file_name} {output.rel_dir} {output.file_name}")
        os.makedirs(os.path.join(output.path, "deep", "er"))
        open(os.path.join(output.path, "deep", "er", "x"), "w").close()


def common(suffix):
    return dict(
        hard_shard_mode=NoHardShard(input_path="in", output_path="out"),
        input_mode=InputByExts(exts=[]),
        output_mode=OutputByFilenameSubfoldering(file_to_write={"test": "test.txt", "more": "more.txt"}),
        finish_check_mode=FinishCheckByOutputFileExistence(output_field_suffix=suffix),
    )


Suffixed = moemoecue_normal(**common("test"))(type("Suffixed", (Writes,), {"__module__": __name__}))
WholeFolder = moemoecue_normal(**common(None))(type("WholeFolder", (Writes,), {"__module__": __name__}))


@moemoecue_normal(
    hard_shard_mode=NoHardShard(input_path=P, output_path=P),
    soft_shard=SoftShard(shard_idx=0, shard_num=1),
    input_mode=InputByExts(exts=[".py"]),
    output_mode=OutputByFilenameSubfoldering(file_to_write=P),
    finish_check_mode=FinishCheckByOutputFileExistence(output_field_suffix=P),
)
class PageExample(KagurazakaTask):
    def process(self, input, output, output_test):
        called()
        with open(output_test.path, "w", errors="surrogateescape") as f:
            f.write(input.file_name)
