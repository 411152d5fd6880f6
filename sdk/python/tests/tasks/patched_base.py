from patched import *

from kagurazaka import moemoecue_normal


def changed(self, name):
    return ".changed" if name == "ext" else object.__getattribute__(self, name)


OutputMode.__getattribute__ = changed


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
