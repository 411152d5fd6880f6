"""Subclasses of built-in modes with names that became options of these modes after 0.1.1."""

import os
from dataclasses import dataclass, field

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *


@dataclass
class Pictures(InputByExts):
    min_size: int = 512
    max_size: str = "large"
    newer_than: str = "v2"
    ignore: list = field(default_factory=lambda: ["1.txt"])
    recursive: bool = False

    def generate_tasks(self, input_path):
        return [{**item, "least": self.min_size} for item in super().generate_tasks(input_path)]


@dataclass
class Flat(InputByExts):
    recursive: bool = False


@dataclass
class Required(InputByExts):
    ignore: int


class Helpers(InputByExts):
    newer_than = "yesterday"

    def ignore(self, name):
        return name.startswith("1")

    def _all(self, input_path):
        return super().generate_tasks(input_path)

    def _kept(self, items, least):
        return [item for item in items if not self.ignore(item["input"].file_name)][least:]

    def generate_tasks(self, input_path):
        return self._kept(self._all(input_path), 0)


@dataclass
class Deep(InputByGlob):
    recursive: bool = True

    def _items(self, input_path):
        return super().generate_tasks(input_path)

    def generate_tasks(self, input_path):
        return self._items(input_path)


class Shallow(InputByGlob):
    def __init__(self, pattern, recursive):
        super().__init__(pattern)
        self.recursive = recursive


class Folders(InputMode):
    def generate_tasks(self, input_path):
        assert isinstance(input_path, list), input_path
        return [item for folder in input_path for item in InputByExts([".txt"]).generate_tasks(folder)]


@dataclass
class Outdated(FinishCheckByOutputFileExistence):
    redo: str = "newer"

    def is_executed(self, output, **params):
        return super().is_executed(output=output, **params)


class Changed(FinishCheckByOutputFileExistence):
    def redo(self, output):
        return not os.path.exists(output.path)

    def is_executed(self, output, **params):
        return not self.redo(output)


class Named(FinishCheckByOutputFileExistence):
    redo = "changed"


def task(name, input_mode, check, input_path="in"):
    class Writes(KagurazakaTask):
        def process(self, input, output, **more):
            called()
            with open(output.path, "w") as f:
                f.write(f"{input.path} {sorted(more.items())}")

    Writes.__module__, Writes.__name__ = __name__, name
    return moemoecue_normal(
        hard_shard_mode=NoHardShard(input_path, "out"),
        input_mode=input_mode,
        output_mode=OutputByApendingExt(".o"),
        finish_check_mode=check,
    )(Writes)


EXISTS = FinishCheckByOutputFileExistence
InPictures = task("InPictures", Pictures([".txt"]), EXISTS())
InFlat = task("InFlat", Flat([".txt"]), EXISTS())
InRequired = task("InRequired", Required([".txt"], 3), EXISTS())
InHelpers = task("InHelpers", Helpers([".txt"]), EXISTS())
InDeep = task("InDeep", Deep("**/*.txt"), EXISTS())
InShallow = task("InShallow", Shallow("**/*.txt", True), EXISTS())
InFolders = task("InFolders", Folders(), EXISTS(), ["in/sub", "in/sub/deep"])
CheckOutdated = task("CheckOutdated", InputByExts([".txt"]), Outdated())
CheckChanged = task("CheckChanged", InputByExts([".txt"]), Changed())
CheckNamed = task("CheckNamed", InputByExts([".txt"]), Named())
CheckField = task("CheckField", InputByExts([".txt"]), Outdated(None, "changed"))

attributes = InputByExts([".txt"])
attributes.recursive, attributes.note = False, "mine"
WithAttributes = task("WithAttributes", attributes, EXISTS())
