"""Constructors that take their arguments only as a keyword."""

import os

from kagurazaka import KagurazakaTask


class _Notes(KagurazakaTask):
    def generate_tasks(self):
        return [{"n": 1}]

    def is_executed(self, n):
        return os.path.exists(f"out/{n}")

    def process(self, n):
        os.makedirs("out", exist_ok=True)
        with open(f"out/{n}", "w") as file:
            file.write(repr(self.own))


class Get(_Notes):
    def __init__(self, *a, **kw):
        super().__init__(*a, **kw)
        self.own = kw.get("args", [])


class Item(_Notes):
    def __init__(self, *a, **k):
        self.own = k["args"]


class New(_Notes):
    def __new__(cls, *a, **k):
        self = super().__new__(cls)
        self.own = k["args"]
        return self

    def __init__(self, *a, **k):
        pass


class _Meta(type):
    def __call__(cls, *a, **k):
        self = super().__call__(*a, **k)
        self.own = k["args"]
        return self


class OfMetaclass(_Notes, metaclass=_Meta):
    pass
