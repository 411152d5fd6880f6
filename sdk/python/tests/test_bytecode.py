"""The cache of compiled modules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SDK = Path(__file__).resolve().parents[1]
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


def copy_sdk(to: Path) -> Path:
    """Copy the SDK, so that no bytecode comes into the checkout, which is embedded in the host."""
    shutil.copytree(SDK / "kagurazaka", to / "kagurazaka", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SDK / "kagurazaka_serve.py", to)
    return to


def imported(folder: Path, cache: Path, **environment: str) -> str:
    env = {**os.environ, "PYTHONPATH": f"{folder}:{folder.parent / 'sdk'}", "XDG_CACHE_HOME": str(cache), **environment}
    for name in [name for name, value in env.items() if not value]:
        del env[name]
    return subprocess.run([sys.executable, "-c", IMPORT], env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source = tmp_path / "source"
    source.mkdir()
    copy_sdk(tmp_path / "sdk")
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


def test_the_script_of_the_host_compiles_the_package_once(tmp_path: Path) -> None:
    sdk, cache = copy_sdk(tmp_path / "sdk"), tmp_path / "cache"
    env = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    command = [sys.executable, str(sdk / "kagurazaka_serve.py"), "task.py"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True)
    assert "task.py is a plugin of kagurazaka and cannot run on its own" in ended.stderr
    entries = {file: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()}
    for module in ("template/_template.py", "template/io.py", "utils/io.py"):
        path = str(sdk / "kagurazaka" / module).encode()
        assert [file for file in entries if path in file.read_bytes()], module
    subprocess.run(command, env=env, capture_output=True)
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()} == entries
