"""Decorators that are called with a class: the class stays plain, and each call has a template of its own."""

import os

from applied_base import Imported, note, template

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import SoftShard


class Base(KagurazakaTask):
    def __init__(self, args):
        super().__init__(args)

    def process(self, input, output):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(output.file_name)


Small = template(".small")(Base)
Large = template(".large")(Base)
for size in (1, 2, 3):
    globals()[f"Size{size}"] = template(f".{size}")(Base)
First = template(".first")(Imported)
Second = template(".second")(Imported)


class TwoArguments(KagurazakaTask):
    def __init__(self, args):
        super(TwoArguments, self).__init__(args)

    def process(self, input, output):
        note(input.path)
        with open(output.path, "w") as file:
            file.write(output.file_name)


Two = template(".two")(TwoArguments)
Three = template(".three")(TwoArguments)


class Raw(KagurazakaTask):
    def generate_tasks(self):
        return [{"n": 1}]

    def is_executed(self, n):
        return os.path.exists(f"out/{n}")

    def process(self, n):
        os.makedirs("out", exist_ok=True)
        note(n)
        open(f"out/{n}", "w").close()


NotApplied = moemoecue_normal(None, apply=False)(Raw)
Decorated = moemoecue_normal(None, input_mode=None)(Raw)


class OfRaw(KagurazakaTask):
    def __init__(self, args):
        self.raw = Raw(args)

    def generate_tasks(self):
        return self.raw.generate_tasks()

    def is_executed(self, **item):
        return self.raw.is_executed(**item)

    def process(self, **item):
        self.raw.process(**item)


class BesideDecorated(Base):
    """Its base was decorated by a call, which does not concern it."""

    def generate_tasks(self):
        return [{"n": 2}]

    def is_executed(self, n):
        return os.path.exists(f"out/{n}")

    def process(self, n):
        os.makedirs("out", exist_ok=True)
        note(n)
        open(f"out/{n}", "w").close()


Sharded = moemoecue_normal(None, input_mode=None, soft_shard=SoftShard([1], 2))(Raw)


class BesideSharded(Raw):
    pass


Rebound = type("Rebound", (Base,), {"__module__": __name__})
Rebound = template(".again")(Rebound)
