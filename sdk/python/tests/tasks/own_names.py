"""Modes, collates and fields of a task file of 0.1.1 that have names which the package has now, too."""

import os
from dataclasses import dataclass, field

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *  # noqa: F403


@dataclass
class InputByGroup(InputMode):
    ending: str
    files: int = 2

    def generate_tasks(self, input_path):
        found = sorted(InputByExts([self.ending]).generate_tasks(input_path), key=lambda item: item["input"].path)
        chunks = [found[i : i + self.files] for i in range(0, len(found), self.files)]
        return [{"input": c[0]["input"], "input_second": c[-1]["input"], "members": len(c), "required": None} for c in chunks]


class InputByFilenameSubfoldering(InputBySubDirectory):
    def generate_tasks(self, input_path):
        return sorted(super().generate_tasks(input_path), key=lambda item: item["input"].path)[:2]


@dataclass
class InputFromList(InputMode):
    path: list = field(default_factory=list)
    null: bool = False

    def generate_tasks(self, input_path):
        return [{"input": FileTriplet(os.path.join(input_path, name), ".", name), "null": self.null} for name in self.path]


@dataclass
class InputByTar(InputByExts):
    keys: str = ".jpg"
    glob: str = "*"

    def generate_tasks(self, input_path):
        return [{**item, "input_image": self.keys, "members": {"tar": self.glob}} for item in super().generate_tasks(input_path)]


class InputByMerge(InputMode):
    def __init__(self, modes, order="up"):
        self.modes, self.order = modes, order

    def generate_tasks(self, input_path):
        items = [item for mode in self.modes for item in mode.generate_tasks(input_path)]
        return items[::-1] if self.order == "down" else items


@dataclass
class OutputByTar(OutputMode):
    size: str
    count: int = 3

    def get_output_params(self, output_path, input, **item):
        os.makedirs(output_path, exist_ok=True)
        name = f"{input.file_name}.{self.size}{self.count}"
        return {"output": FileTriplet(os.path.join(output_path, name), "", name)}


def dict_collate(items):
    return "mine"


def nested_collate(items):
    return "mine, nested"


def list_collate(items):
    return "mine, a list"


def batch_by(items):
    return "by me"


def shard(items):
    return "a shard"


class Writes(KagurazakaTask):
    def process(self, input, output, **more):
        called()
        own = [f([]) for f in (dict_collate, nested_collate, list_collate, batch_by, shard)]
        shown = sorted((k, getattr(v, "path", v)) for k, v in more.items())
        with open(output.path, "w") as f:
            f.write(f"{input} {shown} {own}")


def task(name, mode, output=None):
    return moemoecue_normal(
        hard_shard_mode=NoHardShard("in", "out"), input_mode=mode, output_mode=output or OutputByApendingExt(".o"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
    )(type(name, (Writes,), {"__module__": __name__}))  # fmt: skip


Group = task("Group", InputByGroup(".txt"))
Subfolders = task("Subfolders", InputByFilenameSubfoldering(sub_directory_level=1))
Names = task("Names", InputFromList(["a.txt", "b.txt"]))
Tar = task("Tar", InputByTar([".txt"]))
Merge = task("Merge", InputByMerge([InputByExts([".txt"]), InputByTar([".jpg"])], "down"))
OutTar = task("OutTar", InputByExts([".txt"]), OutputByTar("big"))
