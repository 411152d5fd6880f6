"""Tasks whose constructors do what a listing sees."""

import codecs
import logging
import os
import pathlib
import shutil

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FileTriplet,
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


@moemoecue_normal(**template())
class GoesByAnotherName(Writes):
    def __init__(self, args):
        me = self
        me.update()

    def update(self):
        with open("in/made.txt", "w") as file:
            file.write("made")


@moemoecue_normal(**template())
class AsksForAProperty(Writes):
    def __init__(self, args):
        self.has_index = hasattr(self, "index")

    @property
    def index(self):
        with codecs.open("in/made.txt", "w", "utf-8") as file:
            file.write("made")


@moemoecue_normal(**template())
class MovesInputs(Writes):
    def __init__(self, args):
        for name in sorted(os.listdir("in")):
            if name.endswith(".txt") and not name.startswith("moved-"):
                pathlib.Path("in", name).replace(os.path.join("in", "moved-" + name))


@moemoecue_normal(**template(input_mode=InputByExts([".log"])))
class Logs(Writes):
    def __init__(self, args):
        logging.basicConfig(filename="in/run.log", level=logging.CRITICAL, force=True)


@moemoecue_normal(**template())
class SetsItsCheck(Writes):
    def __init__(self, args):
        self.is_executed = lambda input: input.file_name.startswith("a")


@moemoecue_normal(**template())
class SetsItsListing(Writes):
    def __init__(self, args):
        self.generate_tasks = lambda: [{"input": FileTriplet("in/a.txt", ".", "a.txt")}]


class SetsBoth(KagurazakaTask):
    def __init__(self, args):
        self.generate_tasks = lambda: [{"i": i} for i in range(4)]
        self.is_executed = lambda i: i == 2

    def generate_tasks(self):
        return []

    def process(self, i):
        called()
