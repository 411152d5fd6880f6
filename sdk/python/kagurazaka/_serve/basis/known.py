"""Knowledge of Python and its libraries: which functions depend only on their arguments, and which read from outside.

Functions are identified by their objects, not by names: `from os import path as p` makes no difference.
"""

from __future__ import annotations

import builtins
import datetime
import functools
import os
import pathlib
import platform
import posixpath
import re
import sys
import sysconfig
from typing import Any, Iterable

SDK = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep

_REAL_SDK = os.path.join(os.path.realpath(SDK), "")

_PURE_BUILTINS = (
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float format"
    " frozenset hasattr hex int isinstance issubclass iter len list map max min next oct ord pow print property range"
    " repr reversed round set slice sorted staticmethod str sum tuple zip"
).split()
# Modules of the standard library whose functions and classes depend only on their arguments.
_PURE_MODULES = frozenset(
    "_abc _bisect _blake2 _collections _collections_abc _csv _decimal _functools _hashlib _heapq _json _md5 _operator _sha1 _sha2 _sha256"
    " _sha512 _struct abc argparse base64 binascii bisect cmath collections collections.abc colorsys configparser contextlib copy csv"
    " dataclasses decimal difflib enum fnmatch fractions functools hashlib heapq html itertools json json.decoder json.encoder keyword"
    " logging math numbers operator pprint re shlex statistics string struct textwrap tomllib types typing unicodedata urllib.parse"
    " warnings yaml yaml.loader zlib".split()
)
# The names in these modules that read from outside.
_IMPURE_NAMES = frozenset({"read", "FileType", "unsafe_load", "unsafe_load_all", "UnsafeLoader"})
_DOING = frozenset({"shutil", "subprocess", "tempfile", "urllib.request"})
_PURE_THIRD_PARTY = {("tomli", "load"), ("tomli", "loads"), ("tomli._parser", "load"), ("tomli._parser", "loads")}


def nothing(*args: Any, **kwargs: Any) -> None:
    """The constructor of a class that does nothing relevant."""


def table(things: Iterable[Any]) -> dict[int, Any]:
    return {id(thing): thing for thing in things}


PURE = table(
    [
        nothing,
        *(getattr(builtins, name) for name in _PURE_BUILTINS),
        *(thing for thing in vars(builtins).values() if isinstance(thing, type) and issubclass(thing, BaseException)),
        *(
            getattr(posixpath, name)
            for name in "basename commonpath commonprefix dirname isabs join normcase normpath split splitext".split()
        ),
        *(os.fspath, os.fsencode, os.fsdecode),
        *(datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone),
        *(platform.system, platform.machine, platform.python_version, platform.python_implementation),
        *(sys.exc_info, sys.getrecursionlimit, sys.setrecursionlimit),
        *(pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.PurePosixPath),
    ]
)
# Functions that may be run on known values.
RUNNABLE = table(
    [
        *(str, int, float, bool, len, repr, min, max, abs, round, ord, chr, tuple),
        *(getattr(posixpath, name) for name in "basename dirname isabs join normcase normpath split splitext".split()),
        *(os.fspath, os.fsencode, os.fsdecode),
        *(pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.PurePosixPath),
    ]
)
PATHS = (pathlib.PurePath,)
_PLAIN = (str, bytes, int, float, bool, type(None), complex, type(Ellipsis), range, *PATHS)

# Methods of plain values and containers, of patterns and of dates.
METHODS = frozenset(
    name
    for kind in (str, bytes, int, float, list, dict, tuple, set, frozenset, re.Pattern, re.Match, range, slice)
    for name in dir(kind)
    if not name.startswith("_")
) | frozenset(
    {"isoformat", "strftime", "weekday", "isoweekday", "total_seconds", "most_common", "appendleft", "popleft", "hexdigest", "digest"}
)
# Methods of an open file, which was recorded at its opening.
FILE_METHODS = frozenset({"read", "readline", "readlines", "close", "seek", "tell"})
PATH_METHODS = frozenset(name for name in dir(pathlib.PurePath) if not name.startswith("_"))
CHANGING = frozenset(
    "add append appendleft clear discard extend extendleft insert pop popitem popleft remove reverse setdefault sort update"
    " difference_update intersection_update symmetric_difference_update".split()
)
# Functions whose results do not depend on the order of their arguments' elements.
ORDERLESS = table([len, sorted, min, max, sum, any, all, set, frozenset, bool, isinstance, callable])


def is_plain(value: Any) -> bool:
    """Return whether a value is immutable and fully described by its text."""
    if type(value) is tuple or isinstance(value, tuple) and value is sys.version_info:
        return all(is_plain(part) for part in value)
    return isinstance(value, _PLAIN)


def is_pure(thing: Any) -> bool:
    """Return whether the result of a function or class depends only on its arguments."""
    if id(thing) in PURE:
        return True
    module, name = text_of(thing, "__module__"), text_of(thing, "__qualname__")
    if not module or not name:
        return False
    if (module, name) in _PURE_THIRD_PARTY:
        return True
    pure = module in _PURE_MODULES and name.rpartition(".")[2] not in _IMPURE_NAMES
    return pure and thing_of(module, name) is thing and _is_pythons(module)


def _is_pythons(module: str) -> bool:
    """Return whether a loaded module is a library's, and not a user's file with the same name."""
    path = text_of(sys.modules[module], "__file__")
    return not path or is_library(path)


def is_doing(thing: Any) -> bool:
    """Return whether a function writes files or starts programs."""
    return text_of(thing, "__module__") in _DOING and text_of(thing, "__name__") not in ("which", "disk_usage", "get_terminal_size")


def thing_of(module: str, name: str) -> Any:
    """Return a module's object with a dotted name."""
    thing = sys.modules.get(module)
    for part in name.split("."):
        thing = getattr(thing, part, None)
    return thing


def is_sdk(thing: Any) -> bool:
    """Return whether a function or class belongs to the kagurazaka package."""
    return text_of(thing, "__module__").partition(".")[0] == "kagurazaka"


def text_of(thing: Any, name: str) -> str:
    """Return an attribute that is text, or an empty text. Reading an attribute of a library's object may raise anything."""
    try:
        found = getattr(thing, name, "")
    except Exception:
        return ""
    return found if isinstance(found, str) else ""


def _library_folders() -> tuple[str, ...]:
    import site

    found = [path for name, path in sysconfig.get_paths().items() if name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # The archive that Python looks for before its folder, and the folders of a virtual environment's base.
    found += [os.path.join(os.path.dirname(path), "python%d%d.zip" % sys.version_info[:2]) for path in found[:2]]
    found += getattr(site, "getsitepackages", list)()
    found.append(site.getusersitepackages() if hasattr(site, "getusersitepackages") else "")
    # The folder that this Python's library was really loaded from.
    found.append(os.path.dirname(os.__file__))
    found += [os.path.realpath(path) for path in found]
    return tuple({os.path.normpath(path) + os.sep for path in found if path})


_LIBRARIES = _library_folders()


@functools.lru_cache(maxsize=None)
def is_library(path: str) -> bool:
    """Return whether a file belongs to the interpreter or was installed into it, and therefore is neither followed nor a task's own."""
    return _in_library(path) or _in_library(os.path.realpath(path) + os.sep * path.endswith(os.sep))


def _in_library(path: str) -> bool:
    return path.startswith(_LIBRARIES) or any(f"/{name}/" in path for name in ("site-packages", "dist-packages"))


def is_sdk_file(path: str) -> bool:
    """Return whether a file belongs to the kagurazaka package."""
    return path.startswith(SDK) or (os.path.realpath(path) + os.sep * path.endswith(os.sep)).startswith(_REAL_SDK)
