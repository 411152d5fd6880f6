import os
from dataclasses import dataclass, field

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FileTriplet,
    FinishCheckByOutputFileExistence,
    FinishCheckMode,
    HardShardMode,
    InputByExts,
    InputMode,
    NoHardShard,
    OutputByApendingExt,
    OutputMode,
)


@dataclass
class Site(HardShardMode):
    base: str
    site: str = "a"

    def get_shard_input(self):
        return os.path.join("in", self.base)

    def get_shard_output(self):
        return os.path.join("out", self.site)


class Backwards(InputByExts):
    def generate_tasks(self, input_path):
        return [{**item, "number": i} for i, item in enumerate(reversed(super().generate_tasks(input_path)))]


class Fixed(InputMode):
    def generate_tasks(self, input_path):
        return [{"input": FileTriplet(f"{input_path}/{i}", "r", f"{i}"), "values": (i, {i})} for i in range(4)]


@dataclass
class Naming:
    prefix: str = "p-"
    suffix: str = ""


@dataclass
class Prefixed(OutputMode):
    naming: Naming = field(default_factory=Naming)

    def get_output_params(self, output_path, input, **item):
        os.makedirs(output_path, exist_ok=True)
        name = self.naming.prefix + input.file_name + self.naming.suffix
        return {
            "output": FileTriplet(os.path.join(output_path, name), "", name),
            "output_log": FileTriplet(os.path.join(output_path, name + ".log"), "", name + ".log"),
            "extra": sorted(item),
        }


class BigEnough(FinishCheckMode):
    def is_executed(self, output, **item):
        return os.path.exists(output.path) and os.path.getsize(output.path) > 4


class Writes(KagurazakaTask):
    def process(self, input, output, **more):
        called()
        more = {k: v for k, v in more.items() if k != "output_log"}
        with open(output.path, "w") as f:
            f.write(f"{input.path} {sorted(more.items())}" if "3" not in input.file_name else "tiny")


def task(name, **modes):
    return moemoecue_normal(**modes)(type(name, (Writes,), {"__module__": __name__}))


APPENDING, EXISTS = OutputByApendingExt(".o"), FinishCheckByOutputFileExistence()
HardShard = task(
    "HardShard", hard_shard_mode=Site("sub"), input_mode=InputByExts([".txt"]), output_mode=APPENDING, finish_check_mode=EXISTS
)
Input = task(
    "Input",
    hard_shard_mode=NoHardShard("in/sub", "out"),
    input_mode=Backwards([".txt"]),
    output_mode=OutputByApendingExt(".o"),
    finish_check_mode=EXISTS,
)
Bare = task(
    "Bare", hard_shard_mode=NoHardShard("in", "out"), input_mode=Fixed(), output_mode=OutputByApendingExt(".o"), finish_check_mode=EXISTS
)
Output = task(
    "Output",
    hard_shard_mode=NoHardShard("in/sub", "out"),
    input_mode=InputByExts([".txt"]),
    output_mode=Prefixed(),
    finish_check_mode=EXISTS,
)
Check = task(
    "Check",
    hard_shard_mode=NoHardShard("in/sub", "out"),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByApendingExt(".o"),
    finish_check_mode=BigEnough(),
)
