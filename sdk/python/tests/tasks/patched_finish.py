import os

from patched import *

from kagurazaka import moemoecue_normal


def not_empty(self, output, **item):
    return os.path.exists(output.path) and os.path.getsize(output.path) > 0


FinishCheckByOutputFileExistence.is_executed = not_empty


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
