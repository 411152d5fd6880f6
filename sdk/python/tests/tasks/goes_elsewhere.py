"""A file that goes to another folder when it is loaded, and writes a list there: each run does both."""

import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    InputFromFileTripletJsonl,
    NoHardShard,
    OutputByApendingExt,
)

os.chdir("in")
InputByExts([".txt"]).to_jsonl("sub", "list.jsonl")


@moemoecue_normal(
    hard_shard_mode=NoHardShard("sub", "../out"),
    input_mode=InputFromFileTripletJsonl("list.jsonl"),
    output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Elsewhere(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as file:
            file.write(f"{input.path} {os.path.basename(os.getcwd())}")
