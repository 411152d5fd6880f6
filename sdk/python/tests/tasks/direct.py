"""Tasks that count on `output.path` being the path that the output has."""

import os
import shutil
import tempfile

from record import called

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import (
    FinishCheckByOutputFileExistence,
    InputByExts,
    NoHardShard,
    OutputByApendingExt,
    OutputByFilenameSubfoldering,
)

ONE = dict(
    hard_shard_mode=NoHardShard("in", "out"),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByApendingExt(".o"),
)
CHECKED = dict(ONE, finish_check_mode=FinishCheckByOutputFileExistence())


def two(suffix):
    return dict(
        ONE,
        output_mode=OutputByFilenameSubfoldering({"a": "a.txt", "b": "b.txt"}),
        finish_check_mode=FinishCheckByOutputFileExistence(suffix),
    )


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


@moemoecue_normal(**CHECKED)
class Labels(KagurazakaTask):
    """Appends to one file beside all outputs."""

    def process(self, input, output):
        called()
        with open(os.path.join(os.path.dirname(output.path), "labels.csv"), "a") as labels:
            labels.write("x\n")
        write(output.path, input.file_name)


@moemoecue_normal(**ONE)
class Appends(KagurazakaTask):
    """Adds to what is there, until it is long enough."""

    def is_executed(self, input):
        path = os.path.join("out", input.file_name + ".o")
        return os.path.exists(path) and os.path.getsize(path) > 6

    def process(self, input, output):
        called()
        with open(output.path, "a") as file:
            file.write("more")


@moemoecue_normal(**ONE)
class Checkpoint(KagurazakaTask):
    """Goes on where an earlier run has left a checkpoint in the output's place."""

    def is_executed(self, input):
        return False

    def process(self, input, output):
        called()
        done = 0
        if os.path.exists(output.path):
            with open(output.path) as file:
                done = int(file.read())
        write(output.path, str(done + 1))


@moemoecue_normal(**two("a"))
class First(KagurazakaTask):
    def process(self, input, output_a, **others):
        called()
        write(output_a.path, "a of " + input.file_name)


@moemoecue_normal(**two("b"))
class Second(KagurazakaTask):
    """Reads what another task has written into the same folder."""

    def process(self, input, output_a, output_b, **others):
        called()
        with open(output_a.path) as file:
            write(output_b.path, "b after " + file.read())


@moemoecue_normal(**CHECKED)
class Recorded(KagurazakaTask):
    """Writes down where its output is."""

    def process(self, input, output):
        called()
        write(output.path, output.path)


@moemoecue_normal(**CHECKED)
class Replaced(KagurazakaTask):
    """Writes elsewhere and moves into place, with the path and the folder changed on the way."""

    def process(self, input, output):
        called()
        output.path = os.path.abspath(output.path)
        fd, temporary = tempfile.mkstemp(dir=os.path.dirname(output.path))
        os.close(fd)
        write(temporary, input.file_name)
        os.chmod(temporary, 0o644)
        os.replace(temporary, output.path)


@moemoecue_normal(**CHECKED)
class Linked(KagurazakaTask):
    """Makes a link that is relative to the output's folder."""

    def process(self, input, output):
        called()
        os.symlink(os.path.relpath(input.path, os.path.dirname(output.path)), output.path)


@moemoecue_normal(**CHECKED)
class Hard(KagurazakaTask):
    """Makes a hard link of its input, or a copy where that is another file system."""

    def process(self, input, output):
        called()
        try:
            os.link(input.path, output.path)
        except OSError:
            shutil.copyfile(input.path, output.path)
