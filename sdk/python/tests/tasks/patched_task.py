"""The base of tasks, of which the file replaces methods."""

from patched import *
from record import put

from kagurazaka import KagurazakaTask, moemoecue_normal


def told(self, **item):
    put(f"called-{item.get('i', 'in')}", "")
    self.process(**item)


KagurazakaTask.__call__ = told
KagurazakaTask.is_executed = lambda self, **item: item["i"] % 2 == 0 if "i" in item else "3" in item["input"].file_name


class Plain(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(5)]

    def process(self, i):
        called()
        put(str(i), "")


@moemoecue_normal(**{**IN_OUT, "finish_check_mode": None})
class InTemplate(Copies):
    pass
