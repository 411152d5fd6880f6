"""Tasks over what ours exports and divides. Paths of `in` count: each item must come once."""

import glob
import os

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    HardShardModeV1,
    InputByExts,
    InputFromFileTripletJsonl,
    InputMode,
    NoHardShard,
    OutputByApendingExt,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


class Writes(KagurazakaTask):
    def process(self, input, output, **more):
        called()
        text = "a dangling link"
        if os.path.exists(input.path):
            with open(input.path, errors="surrogateescape") as source:
                text = source.read()
        with open(output.path, "w", errors="surrogateescape") as f:
            f.write(f"{text} {os.path.normpath(input.path)} {input.rel_dir} {input.file_name} {sorted(more)}")


class Once(InputMode):
    """All lists or folders of a set, which must have each file of `in` once."""

    def generate_tasks(self, input_path):
        items = self.all_parts(input_path)
        found = sorted(item["input"].rel_dir + "/" + item["input"].file_name for item in items)
        wanted = sorted(item["input"].rel_dir + "/" + item["input"].file_name for item in InputByExts([".txt"]).generate_tasks("in"))
        assert found == wanted and len(set(found)) == len(found), (found, wanted)
        return items


class AllManifests(Once):
    def all_parts(self, input_path):
        return [
            item
            for path in sorted(glob.glob("parts/*.jsonl"))
            for item in InputFromFileTripletJsonl(jsonl_path=path).generate_tasks(input_path)
        ]


class AllFolders(Once):
    def all_parts(self, input_path):
        return [
            item
            for number in range(3)
            for item in InputByExts([".txt"]).generate_tasks(HardShardModeV1("base", "", "input", "", number).get_shard_input())
        ]


def task(name, mode, hard=None):
    return moemoecue_normal(
        hard_shard_mode=hard or NoHardShard("in", "out"), input_mode=mode, output_mode=OutputByApendingExt(".o"),
        finish_check_mode=FinishCheckByOutputFileExistence(),
    )(type(name, (Writes,), {"__module__": __name__}))  # fmt: skip


Copy = task("Copy", InputByExts([".txt"]))
List = task("List", InputFromFileTripletJsonl(jsonl_path="list.jsonl"))
Part = task("Part", InputFromFileTripletJsonl(jsonl_path=P))
Manifests = task("Manifests", AllManifests())
Hard = task("Hard", InputByExts([".txt"]), HardShardModeV1("base", "out", "input", "made", shard_idx=P))
Folders = task("Folders", AllFolders())
