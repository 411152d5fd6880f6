"""Runs a task by kagurazaka.testing, with the command line of a case: inprocess.py FILE TASK ARGS… --mixin KEY=VALUE…

The exit code is the one of a run: 3 if items failed, 1 if the task cannot be opened or listed, 2 for wrong template values.
"""

import os
import sys
import traceback

import yaml

from kagurazaka._serve.taskfile import TaskFile
from kagurazaka.testing import run


def typed(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def main() -> int:
    path, name, *args = sys.argv[1:]
    mixin = {}
    if "--mixin" in args:
        at = args.index("--mixin")
        args, words = args[:at], args[at + 1 :]
        for word in words:
            key, _, value = word.partition("=")
            mixin[key] = typed(value)
    file = TaskFile(path)
    file.opens(name, args)
    try:
        outcomes = run(file.find(name), args, mixin=mixin)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    for outcome in outcomes:
        if outcome.exception is not None:
            traceback.print_exception(outcome.exception)
    print(f"{len(outcomes)} items: {' '.join(sorted(outcome.status for outcome in outcomes))}")
    return 3 if any(outcome.status == "failed" for outcome in outcomes) else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # As in a worker: threads and exit functions of the task do not hold the process.
    os._exit(code)
