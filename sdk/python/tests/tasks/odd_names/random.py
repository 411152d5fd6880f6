"""A task file that is called like a module of the standard library."""

import os

from kagurazaka import KagurazakaTask


class Named(KagurazakaTask):
    def generate_tasks(self):
        import random as standard

        assert hasattr(standard, "shuffle")
        return [{"i": i} for i in range(3)]

    def is_executed(self, i):
        return False

    def process(self, i):
        os.makedirs("out", exist_ok=True)
        open(f"out/{i}", "w").close()
