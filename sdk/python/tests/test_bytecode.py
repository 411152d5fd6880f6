"""The cache of compiled modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = "\n".join(f"def f{i}(x):\n    return x + {i}" for i in range(200))
IMPORT = """
import sys
from importlib.machinery import SourceFileLoader
compiled = []
plain = SourceFileLoader.source_to_code
def spy(self, data, path, **options):
    compiled.append(path)
    return plain(self, data, path, **options)
SourceFileLoader.source_to_code = spy
from kagurazaka._serve import bytecode
bytecode.install()
compiled.clear()
import large
assert large.__file__ == large.f7.__code__.co_filename
print(large.f7(1), len(compiled))
"""


def imported(folder: Path, cache: Path, **environment: str) -> str:
    env = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}", "XDG_CACHE_HOME": str(cache), **environment}
    for name in [name for name, value in env.items() if not value]:
        del env[name]
    return subprocess.run([sys.executable, "-c", IMPORT], env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "large.py").write_text(SOURCE)
    return source, tmp_path / "cache"


def test_a_module_is_compiled_once_where_python_would_always_do_it(folders: tuple[Path, Path]) -> None:
    source, cache = folders
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="1") == "8 1"
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="1") == "8 0"
    assert not (source / "__pycache__").exists()


def test_a_changed_source_is_compiled_again(folders: tuple[Path, Path]) -> None:
    source, cache = folders
    imported(source, cache, PYTHONDONTWRITEBYTECODE="1")
    stat = (source / "large.py").stat()
    (source / "large.py").write_text(SOURCE.replace("x + 7\n", "x + 9\n"))
    os.utime(source / "large.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="1") == "10 1"


def test_a_damaged_entry_is_compiled_again(folders: tuple[Path, Path]) -> None:
    source, cache = folders
    imported(source, cache, PYTHONDONTWRITEBYTECODE="1")
    for file in cache.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-40])
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="1") == "8 1"


def test_what_python_keeps_is_left_to_it(folders: tuple[Path, Path]) -> None:
    source, cache = folders
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="") == "8 1"
    assert (source / "__pycache__").exists()
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="") == "8 0"
    assert not [file for file in cache.rglob("*") if file.is_file() and b"f199" in file.read_bytes()]


def test_a_cache_that_cannot_be_written_does_no_harm(folders: tuple[Path, Path]) -> None:
    source, cache = folders
    cache.write_text("no folder")
    assert imported(source, cache, PYTHONDONTWRITEBYTECODE="1") == "8 1"
