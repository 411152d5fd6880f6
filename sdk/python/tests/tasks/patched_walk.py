from patched import *

import kagurazaka.template.io as modes
from kagurazaka import moemoecue_normal

walk = modes.walk_files_of_dir
modes.walk_files_of_dir = lambda root, exts=None: {folder: names[:2] for folder, names in walk(root, exts).items()}


@moemoecue_normal(**IN_OUT)
class Task(Copies):
    pass
