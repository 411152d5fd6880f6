"""A task that does with an input what stands in its name, and how its outputs are written."""

import os
import signal
import subprocess

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
    OutputByFilenameSubfoldering,
)

COMMON = dict(
    hard_shard_mode=NoHardShard("in", "out"),
    input_mode=InputByExts([".txt"]),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
CHECKED = dict(COMMON, output_mode=OutputByApendingExt(".o"))


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Trying(KagurazakaTask):
    def process(self, input, output):
        called()
        what = input.file_name.partition("-")[0]
        if what == "no":
            return
        path = os.path.join(output.path, "x") if os.path.isdir(output.path) and what != "misfit" else output.path
        write(path, "half")
        if what == "fail":
            raise RuntimeError(what)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "child":
            child = subprocess.Popen(["sleep", "1000"])
            write("child.pid", str(child.pid))
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, "whole")


@moemoecue_normal(**CHECKED)
class Tries(Trying):
    pass


@moemoecue_normal(**CHECKED, outputs="staged")
class Staged(Trying):
    pass


@moemoecue_normal(**CHECKED)
class StagedByAttribute(Trying):
    kagurazaka_outputs = "staged"


@moemoecue_normal(**COMMON, output_mode=OutputByFilenameSubfoldering({}))
class Folders(Trying):
    pass


@moemoecue_normal(**CHECKED)
class ThroughCall(Trying):
    def __call__(self, **item):
        self.process(**item)


@moemoecue_normal(**{**CHECKED, "input_mode": None})
class Lists(Trying):
    """Lists its items itself: its template runs in Python."""

    def generate_tasks(self):
        from kagurazaka.template.io import FileTriplet

        return [{"input": FileTriplet(os.path.join("in", name), ".", name)} for name in sorted(os.listdir("in"))]
