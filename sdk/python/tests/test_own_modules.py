"""Which modules are a task's own code, with interpreters and packages laid out as users have them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from host import SDK, pb

from kagurazaka._serve.basis import known

TASK = """
import argparse, csv, ctypes, decimal, email.message, json, sqlite3, wave
import installed.part
import beside, package.inner, shared, edited, zipped
from kagurazaka import KagurazakaTask


class T(KagurazakaTask):
    def __init__(self, args):
        self.args = argparse.ArgumentParser().parse_args(args)
        import constructed

    def generate_tasks(self):
        return [{"i": 1}]

    def process(self, i):
        import xml.dom.minidom
        import installed.later
        from package import later
        if i:
            import deeper
        later.work(deeper)


if __name__ == "__main__":
    import only_as_a_script
"""
# The task's folder, from above it.
FILES = {
    "beside.py": "",
    "package/__init__.py": "",
    "package/inner.py": "from . import relative\n",
    "package/relative.py": "def f():\n    from .. import nothing\n",
    "package/later.py": "import behind_later\n",
    "package/unused.py": "",
    "behind_later.py": "",
    "constructed.py": "",
    "deeper/__init__.py": "",
    "inserted/inserted.py": "",
    "only_as_a_script.py": "",
    "unused.py": "",
    "vendor/site-packages/vendored.py": "",
}
OWN = {
    *(f"work/{name}" for name in ("beside.py", "package/__init__.py", "package/inner.py", "package/relative.py", "package/later.py")),
    *("work/behind_later.py", "work/constructed.py", "work/deeper/__init__.py"),
    *("shared/shared.py", "checkout/src/edited.py", "modules.zip"),
}
INSERTING = "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'inserted'))\nimport inserted\n"
CHANGING = "import importlib, time\nNOW = time.time()\nif NOW:\n    T.__doc__ = str(NOW)\n"

DESCRIBE = """
import json, os, sys
from kagurazaka._serve import describe, taskfile
from kagurazaka._proto import plugin_pb2 as pb
for path in sys.argv[1:]:
    if os.fork() == 0:
        answer = describe.describe(taskfile.TaskFile(path), pb.DescribeRequest())
        with open(path + ".answer", "wb") as file:
            file.write(answer.SerializeToString())
        os._exit(0)
    assert os.wait()[1] == 0
"""


def make_venv(python: str, folder: pathlib.Path) -> str:
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, timeout=300)
    return str(folder / "bin" / "python")


def linked_venv(root: pathlib.Path) -> str:
    """A virtual environment as uv makes it: the folder of its Python is a link."""
    (root / "pythons").mkdir()
    (root / "pythons" / "cpython-3").symlink_to(sys.base_prefix)
    name = os.path.basename(os.path.realpath(sys.executable))
    python = pathlib.Path(make_venv(str(root / "pythons" / "cpython-3" / "bin" / name), root / "linked"))
    assert "pythons/cpython-3" in (root / "linked" / "pyvenv.cfg").read_text()
    return str(python)


def debian_venv(root: pathlib.Path) -> str:
    system = "/usr/bin/python3"
    version = "import sys; print(sys.version_info[:2])"
    if not os.path.exists(system) or subprocess.check_output([system, "-c", version], text=True).strip() != str(sys.version_info[:2]):
        pytest.skip("/usr/bin/python3 is not of this version, so it cannot load this environment's packages")
    return make_venv(system, root / "debian")


def venv_behind_a_link(root: pathlib.Path) -> str:
    make_venv(sys.executable, root / "real")
    (root / "link").symlink_to("real")
    return str(root / "link" / "bin" / "python")


LAYOUTS = {
    "this interpreter": lambda root: sys.executable,
    "a venv": lambda root: make_venv(sys.executable, root / "venv"),
    "a venv in the task's folder": lambda root: make_venv(sys.executable, root / "work" / ".venv"),
    "the task's folder is a venv": lambda root: make_venv(sys.executable, root / "work"),
    "a venv behind a link": venv_behind_a_link,
    "a venv of a linked Python": linked_venv,
    "a venv of Debian's Python": debian_venv,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_own_modules(tmp_path, layout):
    root = pathlib.Path(os.path.realpath(tmp_path))
    work = root / "work"
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    texts = {"recorded.py": TASK, "once.py": TASK + CHANGING, "inserting.py": INSERTING + TASK}
    for name, text in texts.items():
        (work / name).write_text(text)
    (root / "shared").mkdir()
    (root / "shared" / "shared.py").write_text("")
    (root / "checkout" / "src").mkdir(parents=True)
    (root / "checkout" / "src" / "edited.py").write_text("")
    with zipfile.ZipFile(root / "modules.zip", "w") as archive:
        archive.writestr("zipped.py", "def f():\n    import json\n")
    python = LAYOUTS[layout](root)

    # Packages in site-packages: of files, and as an editable install. What the SDK needs comes from this environment.
    site = root / "target" / "site-packages" if python == sys.executable else None
    paths = [str(root / "shared"), str(root / "modules.zip")]
    if site is None:
        command = "import sysconfig; print(sysconfig.get_path('purelib', 'venv' if 'venv' in sysconfig.get_scheme_names() else None))"
        site = pathlib.Path(subprocess.check_output([python, "-c", command], text=True).strip())
        (site / "edited.pth").write_text(f"{root / 'checkout' / 'src'}\n{sysconfig.get_path('purelib')}\n")
    else:
        paths += [str(site), str(root / "checkout" / "src")]
    (site / "installed").mkdir(parents=True)
    for name in ("__init__.py", "part.py", "later.py"):
        (site / "installed" / name).write_text("")

    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SDK), *paths])}
    subprocess.run([python, "-c", DESCRIBE, *(str(work / name) for name in texts)], env=env, cwd=root, check=True, timeout=300)
    for name in texts:
        answer = pb.DescribeResponse.FromString((work / f"{name}.answer").read_bytes())
        assert not answer.HasField("error") and answer.tasks[0].name == "T", answer
        found = {os.path.relpath(path, root) for path in answer.sources}
        assert found == (OWN | {"work/inserted/inserted.py"} if name == "inserting.py" else OWN), name
        # Another version of a library makes another description, where descriptions are kept at all.
        files = [i.name for i in answer.inputs if i.kind == pb.INPUT_KIND_FILE]
        assert (answer.validity == pb.VALIDITY_RECORDED) == (name != "once.py"), answer.once_because
        if name != "once.py":
            assert {"argparse.py", "csv.py", "wave.py", "part.py"} <= {os.path.basename(path) for path in files}, files


def test_folders_of_libraries():
    stdlib = os.path.dirname(os.__file__)
    major, minor = sys.version_info[:2]
    for path in (
        f"{stdlib}/argparse.py",
        f"{os.path.dirname(stdlib)}/python{major}{minor}.zip/argparse.py",
        "/home/me/.local/lib/python3.11/site-packages/installed/__init__.py",
        "/usr/lib/python3/dist-packages/yaml/__init__.py",
    ):
        assert known.is_library(path), path
    assert not known.is_library(str(pathlib.Path(__file__)))
    assert not known.is_library("/home/me/stdlib/argparse.py")
