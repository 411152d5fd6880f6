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

os.makedirs("out", exist_ok=True)
if os.path.isdir("in") and not os.path.exists("out/list.jsonl"):
    InputByExts([".txt"]).to_jsonl("in", "out/list.jsonl")


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputFromFileTripletJsonl("out/list.jsonl"),
    output_mode=OutputByApendingExt(".o"), finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class FromLines(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write(input.path)
