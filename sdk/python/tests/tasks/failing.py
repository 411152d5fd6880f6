import ctypes
import os
import sys

from record import called, put, there

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByApendingExt


class Fails(KagurazakaTask):
    how = "raise"

    def generate_tasks(self):
        return [{"i": i} for i in range(12)]

    def is_executed(self, i):
        return there(str(i))

    def process(self, i):
        called()
        if i == 5:
            getattr(self, self.how)()
        put(str(i), "done")

    def fail(self):
        raise ValueError("five")

    def leave(self):
        sys.exit(4)

    def vanish(self):
        os._exit(0)

    def stop(self):
        next(iter([]))

    def crash(self):
        ctypes.string_at(0)


class Raises(Fails):
    how = "fail"


class Exits(Fails):
    how = "leave"


class Stops(Fails):
    how = "stop"


class Vanishes(Fails):
    how = "vanish"


class Crashes(Fails):
    how = "crash"


class ChecksBadly(Fails):
    how = "fail"

    def is_executed(self, i):
        if i == 5:
            raise OSError("cannot look")
        return there(str(i))


class NeverChecks(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(3)]

    def process(self, i):
        called()
        put(str(i), "done")


class ExitsAtOnce(Fails):
    def __init__(self, args):
        sys.exit(4)


class ListsBadly(Fails):
    def generate_tasks(self):
        yield {"i": 0}
        raise RuntimeError("no more")


@moemoecue_normal(
    hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts([".txt"]), output_mode=OutputByApendingExt(".o"),
    finish_check_mode=FinishCheckByOutputFileExistence(),
)  # fmt: skip
class HalfWritten(KagurazakaTask):
    def process(self, input, output):
        called()
        with open(output.path, "w") as f:
            f.write("begun")
            f.flush()
            if input.file_name == "b.txt" and not os.path.exists("retry"):
                raise ValueError("in the middle")
