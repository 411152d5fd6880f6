"""Tasks whose constructors do what a listing sees."""

import os
import shutil

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    InputFromFileTripletJsonl,
    NoHardShard,
    OutputByApendingExt,
)


def template(**modes):
    return dict(
        hard_shard_mode=NoHardShard("in", "out"),
        output_mode=OutputByApendingExt(".o"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
        **{"input_mode": InputByExts([".txt"]), **modes},
    )


class Writes(KagurazakaTask):
    def process(self, input, output):
        called()
        os.makedirs(os.path.dirname(output.path), exist_ok=True)
        with open(output.path, "w") as file:
            file.write(f"{input.path} {os.path.basename(os.getcwd())}")


@moemoecue_normal(**template())
class MakesInputs(Writes):
    def __init__(self, args):
        for name in ("made.txt", "more.txt"):
            with open(os.path.join("in", name), "w") as file:
                file.write(name)


@moemoecue_normal(**template(input_mode=InputFromFileTripletJsonl("list.jsonl")))
class WritesList(Writes):
    def __init__(self, args):
        InputByExts([".txt"]).to_jsonl("in", "list.jsonl")


@moemoecue_normal(**template())
class RemovesOutputs(Writes):
    def __init__(self, args):
        shutil.rmtree("out", ignore_errors=True)


@moemoecue_normal(**template())
class Leaves(Writes):
    def __init__(self, args):
        os.makedirs("out", exist_ok=True)
        shutil.copytree("in", "out/in", dirs_exist_ok=True)
        os.chdir("out")


MODES = template()


@moemoecue_normal(**MODES)
class ChangesModes(Writes):
    def __init__(self, args):
        MODES["input_mode"].exts = [".md"]
        MODES["hard_shard_mode"].output_path = os.path.join("out", *args)
