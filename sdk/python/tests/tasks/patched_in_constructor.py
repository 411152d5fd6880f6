from patched import *

from kagurazaka import moemoecue_normal

listed = InputByExts.generate_tasks


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    def __init__(self, args):
        InputByExts.generate_tasks = lambda self, input_path: listed(self, input_path)[:1]


@moemoecue_normal(**IN_OUT)
class BySetattr(Copies):
    def __init__(self, args):
        setattr(InputByExts, "generate_tasks", lambda self, input_path: listed(self, input_path)[:1])
