"""Converts texts to upper case: a beginning for a task of your own."""

import argparse

from kagurazaka import (
    PLACEHOLDER,
    FileTriplet,
    FinishCheckByOutputFileExistence,
    InputByExts,
    KagurazakaTask,
    NoHardShard,
    OutputByAppendingExt,
    task,
)


@task(
    # The folders of the inputs and the outputs: the words IN and OUT of the command line.
    hard_shard_mode=NoHardShard(input_path=PLACEHOLDER, output_path=PLACEHOLDER),
    # Each of these files is an item, and its output is the file IN/a.txt -> OUT/a.txt.upper.
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByAppendingExt(".upper"),
    # The next run skips items whose output exists.
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Example(KagurazakaTask):
    """Converts each text to upper case."""

    def __init__(self, args: list[str]) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--title", action="store_true", help="only the first letter of each word")
        self.options = parser.parse_args(args)

    def process(self, input: FileTriplet, output: FileTriplet) -> None:
        with open(input.path) as source:
            text = source.read()
        with open(output.path, "w") as target:
            target.write(text.title() if self.options.title else text.upper())
