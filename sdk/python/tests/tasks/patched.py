"""What the tasks share whose files replace methods of built-in modes."""

from record import called

from kagurazaka import KagurazakaTask
from kagurazaka.template.io import *

IN_OUT = {
    "hard_shard_mode": NoHardShard("in", "out"),
    "input_mode": InputByExts([".txt"]),
    "output_mode": OutputByApendingExt(".o"),
    "finish_check_mode": FinishCheckByOutputFileExistence(),
}


class Copies(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as file:
            file.write(f"{input.path} {output.rel_dir} {output.file_name}")
