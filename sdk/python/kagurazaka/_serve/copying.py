"""Outputs that go to another file system than the staging folder's."""

from __future__ import annotations

import os
import secrets
import shutil


def copy_over(source: str, target: str, note: str) -> None:
    """Copy a file, a link or a folder beside the target, rename it there, and remove the source.

    During the copy, the link `note` names it, so that the host can remove it if this process dies. Raises OSError.
    """
    # The copy's name does not include the target's, which may already have the maximum length.
    copy = os.path.abspath(os.path.join(os.path.dirname(target), f".kagurazaka-{secrets.token_hex(8)}.part"))
    os.symlink(copy, note)
    try:
        try:
            _copy(source, copy)
            os.rename(copy, target)
        except BaseException:
            _remove(copy)
            raise
    finally:
        os.unlink(note)
    _remove(source)


def _copy(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    elif os.path.isfile(source):
        # "x": never write through an existing link.
        with open(source, "rb") as read, open(target, "xb") as write:
            shutil.copyfileobj(read, write)
        shutil.copystat(source, target)
    else:
        raise OSError(f"{source} must be a file, a folder or a link")


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
