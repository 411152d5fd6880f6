"""A cache of compiled modules, for those that Python would compile again at each start.

Python keeps bytecode beside the source. If it may not (PYTHONDONTWRITEBYTECODE, which container images often set, or a folder
that is not writable) and the installer has left no bytecode, each start compiles everything it imports. Importing torch and
torchvision then takes 9 seconds, 6 of them for compiling. The cache's key is the source's content and path, so an entry is never
out of date, and the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any, Optional

# Smaller sources compile faster than a lookup takes.
_LEAST = 2048
_CHECKSUM = 16
_INSTALLED = "kagurazaka_bytecode"


def install() -> None:
    """Use the cache for all imports of this process from now on. A second call changes nothing, even one of another copy of this module."""
    if hasattr(SourceFileLoader.source_to_code, _INSTALLED):
        return
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(base):
        return  # without a home it would be in the working folder, where anybody may write
    folder = os.path.join(base, "kagurazaka", "bytecode", importlib.util.MAGIC_NUMBER.hex())
    compile_source: Any = SourceFileLoader.source_to_code

    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> CodeType:
        if type(data) is not bytes or type(path) is not str or len(data) < _LEAST or _kept_by_python(path):
            return compile_source(self, data, path, **options)
        # The compiled code depends on the path and the level of optimisation.
        about = f"{path}\0{sys.flags.optimize}\0{options}\0".encode("utf-8", "surrogateescape")
        name = hashlib.blake2b(about + data, digest_size=20).hexdigest()
        file = os.path.join(folder, name[:2], name[2:])
        code = _read(file)
        if code is None:
            code = compile_source(self, data, path, **options)
            _write(file, code)
        return code

    setattr(source_to_code, _INSTALLED, True)
    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]


def _kept_by_python(path: str) -> bool:
    """Return whether Python itself will keep the bytecode of this source."""
    if sys.dont_write_bytecode:
        return False
    beside = os.path.dirname(path)
    kept = os.path.join(beside, "__pycache__")
    return sys.pycache_prefix is not None or os.access(kept if os.path.isdir(kept) else beside, os.W_OK)


def _read(file: str) -> Optional[CodeType]:
    try:
        with open(file, "rb") as stream:
            data = stream.read()
    except OSError:
        return None
    body = data[_CHECKSUM:]
    # marshal does not check its input.
    if hashlib.blake2b(body, digest_size=_CHECKSUM).digest() != data[:_CHECKSUM]:
        return None
    code = marshal.loads(body)
    return code if isinstance(code, CodeType) else None


def _write(file: str, code: CodeType) -> None:
    body = marshal.dumps(code)
    temporary = f"{file}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(hashlib.blake2b(body, digest_size=_CHECKSUM).digest() + body)
        os.replace(temporary, file)
    except OSError:
        pass  # the next start compiles it again
