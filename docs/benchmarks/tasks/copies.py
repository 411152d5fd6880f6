"""A task that memory bounds: each item copies a large buffer of its worker several times, and computes nothing."""

from __future__ import annotations

import argparse
from typing import Any

from kagurazaka import KagurazakaTask


class Copies(KagurazakaTask):
    def __init__(self, args: list[str]) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--count", type=int, default=1000, help="items")
        parser.add_argument("--mib", type=int, default=256, help="size of each worker's two buffers")
        parser.add_argument("--times", type=int, default=4, help="copies for an item")
        self.args = parser.parse_args(args)
        self.buffers: tuple[memoryview, memoryview] | None = None

    def generate_tasks(self) -> list[dict[str, Any]]:
        return [{"i": i} for i in range(self.args.count)]

    def process(self, i: int) -> None:
        if self.buffers is None:
            # The worker makes it: the first write to a page decides on which node the page is.
            size = self.args.mib << 20
            self.buffers = memoryview(bytearray(size)), memoryview(bytearray(size))
        source, target = self.buffers
        for _ in range(self.args.times):
            target[:] = source
