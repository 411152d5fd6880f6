import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class Beside(KagurazakaTask):
    """Writes further files and folders beside its output, through a temporary name"""

    def process(self, input, output):
        called()
        folder = os.path.dirname(output.path)
        with open(output.path + ".tmp", "w") as f:
            f.write("main")
        os.replace(output.path + ".tmp", output.path)
        with open(os.path.join(folder, input.file_name + ".json"), "w") as f:
            f.write("{}")
        os.makedirs(os.path.join(folder, "shared", "deep"), exist_ok=True)
        with open(os.path.join(folder, "shared", "deep", input.file_name), "w", errors="surrogateescape") as f:
            f.write(output.file_name)
