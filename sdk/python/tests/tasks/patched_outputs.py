import os

from patched import *

from kagurazaka import moemoecue_normal


def joined(self, output_path, input, **item):
    os.makedirs(output_path, exist_ok=True)
    name = input.rel_dir.replace("/", "-") + input.file_name
    return {"output": FileTriplet(os.path.join(output_path, name), ".", name)}


OutputByApendingExt.get_output_params = joined


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
