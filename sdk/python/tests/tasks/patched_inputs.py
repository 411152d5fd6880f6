from patched import *

from kagurazaka import moemoecue_normal

listed = InputByExts.generate_tasks
InputByExts.generate_tasks = lambda self, input_path: [item for item in listed(self, input_path) if "1" in item["input"].file_name]


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
