import collections
import datetime
import decimal
import fractions
import pathlib

import numpy as np
from record import called, put, there

from kagurazaka import KagurazakaTask

Pair = collections.namedtuple("Pair", "a b")

VALUES = [
    (1, (2, 3)), pathlib.Path("a/b"), b"\x00\xff", {1, 2}, frozenset([3]), decimal.Decimal("1.10"), fractions.Fraction(1, 3),
    datetime.date(2020, 1, 2), 1 + 2j, range(3), np.float32(0.1), np.arange(3), float("inf"), -0.0, 10**40, "\ud83d\ude00",
    "plain", {"k": (1,)}, [True, None], collections.OrderedDict(a=1), bytearray(b"x"), {1: "int key"}, int, len, ...,
]  # fmt: skip


class Exact(KagurazakaTask):
    def __init__(self, args):
        self.stream = args == ["stream"]

    def generate_tasks(self):
        items = ({"i": i, "value": value} for i, value in enumerate(VALUES))
        return items if self.stream else list(items)

    def is_executed(self, i, value):
        return there(str(i))

    def process(self, i, value):
        called()
        put(str(i), f"{type(value).__name__} {ascii(value)}")
