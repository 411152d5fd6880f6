"""A text task: counts the words of every text file below a folder.

    kagurazaka examples/python/words.py Words --lower \
        --mixin hard_shard_mode.input_path=texts hard_shard_mode.output_path=counts

A second run leaves out what is finished. `kagurazaka examples/python/words.py Words -h` shows what can be set.
"""

import argparse
import collections
import json
import re

from kagurazaka import PLACEHOLDER, FinishCheckByOutputFileExistence, InputByExts, KagurazakaTask, NoHardShard, OutputByReplacingExt, task


# The template says what is read and written, so the task need not. Both folders are left to --mixin.
@task(
    hard_shard_mode=NoHardShard(input_path=PLACEHOLDER, output_path=PLACEHOLDER),
    input_mode=InputByExts(exts=[".txt", ".md"]),
    output_mode=OutputByReplacingExt(ext=".json"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)
class Words(KagurazakaTask):
    """Count the words of text files"""

    def __init__(self, args):
        # Runs once; the workers are forked from the process that has the finished object.
        parser = argparse.ArgumentParser()
        parser.add_argument("--lower", action="store_true", help="count Word and word as one")
        parser.add_argument("--top", type=int, default=10, help="how many words to keep")
        self.args = parser.parse_args(args)
        self.word = re.compile(r"\w+")

    def process(self, input, output):
        # Runs for every item, in one of the workers. What is written to output.path appears there once it is whole.
        with open(input.path, encoding="utf-8") as file:
            text = file.read()
        counts = collections.Counter(self.word.findall(text.lower() if self.args.lower else text))
        with open(output.path, "w", encoding="utf-8") as file:
            json.dump(dict(counts.most_common(self.args.top)), file, ensure_ascii=False)
