"""Classes that seem to lack a method, and never fail."""

import os

import unusual_helper
from applied_base import note, template

from kagurazaka import KagurazakaTask


def write(name):
    os.makedirs("out", exist_ok=True)
    with open(f"out/{name}", "w") as file:
        file.write("done")


@template(".o")
class Attached(KagurazakaTask):
    def __init__(self, args):
        unusual_helper.attach(self)


class AttachedAll(KagurazakaTask):
    def __init__(self, args):
        unusual_helper.attach_all(self)

    def generate_tasks(self):
        return []

    def is_executed(self, **item):
        return False


@template(".o")
class AttachedToType(KagurazakaTask):
    def __init__(self, args):
        unusual_helper.attach_to_type(self)

    def process(self):
        raise AssertionError


class WorksWhileListing(KagurazakaTask):
    def generate_tasks(self):
        for n in range(3):
            note(n)
            write(f"listed-{n}")
        return []


class WorksInConstructor(KagurazakaTask):
    def __init__(self, args):
        write("constructed")
        self.items = []

    def generate_tasks(self):
        return self.items


class WorksInCheck(KagurazakaTask):
    def generate_tasks(self):
        return [{"n": n} for n in range(3)]

    def is_executed(self, n):
        note(n)
        write(f"checked-{n}")
        return True


class ListsNothingNow(KagurazakaTask):
    def generate_tasks(self):
        return [{"n": n} for n in range(3) if os.path.exists(f"todo-{n}")]
