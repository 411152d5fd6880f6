"""``python -m kagurazaka`` puts the working folder first on the module path, where its files could replace modules of Python."""

import os
import sys

_MODULE = "kagurazaka"


def leave_working_folder() -> None:
    """Remove the working folder from the module path, if this package is about to be run."""
    if sys.argv[:1] != ["-m"] or not _is_run() or getattr(sys.flags, "safe_path", False):
        return
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""
    if sys.path and sys.path[0] in ("", folder):
        del sys.path[0]


def _is_run() -> bool:
    words = sys.orig_argv
    return f"-m{_MODULE}" in words or any(word == "-m" and follows == _MODULE for word, follows in zip(words, words[1:]))


leave_working_folder()
