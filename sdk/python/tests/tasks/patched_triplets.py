import os

from patched import *

from kagurazaka import moemoecue_normal

made = FileTriplet.__init__


def shorter(self, path, rel_dir, file_name):
    made(self, os.path.relpath(path), rel_dir, "x" + file_name if file_name.endswith(".o") else file_name)


FileTriplet.__init__ = shorter


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
