"""What applied_by_call.py imports. It decorates its class as well."""

import os

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt


def note(text):
    with open(os.environ["CALLS"], "a") as file:
        file.write(f"{text}\n")


def template(ext):
    return moemoecue_normal(
        NoHardShard("in", "out"),
        input_mode=InputByExts([".txt"]),
        output_mode=OutputByApendingExt(ext),
        finish_check_mode=FinishCheckByOutputFileExistence(),
    )


class Imported(KagurazakaTask):
    def process(self, input, output):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(output.file_name)


Here = template(".here")(Imported)
