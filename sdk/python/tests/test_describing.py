"""Arguments are read without running constructors."""

import os
import sys

from host import Host, pb

TASKS = """
import argparse, os, sys, time
from kagurazaka import KagurazakaTask

def parser():
    return argparse.ArgumentParser(description="Words about it.\\nMore words")

def shared_arguments(args):
    p = parser()
    p.add_argument("--shared", nargs=2, type=float, metavar=("A", "B"), default=(1.0, 2.0))
    p.add_argument("--cache", action=argparse.BooleanOptionalAction, default=True)
    p.add_argument("place", nargs="?")
    return p.parse_args(args)

class Base(KagurazakaTask):
    def generate_tasks(self): return []
    def process(self): pass

class ByFunction(Base):
    def __init__(self, args):
        self.a = shared_arguments(args)
        open("constructed", "w").close()

class Inherited(ByFunction):
    def __init__(self, args):
        super().__init__(args)

class WritesFirst(Base):
    def __init__(self, args):
        open("written", "w").close()
        self.a = shared_arguments(args)

class StartsFirst(Base):
    def __init__(self, args):
        os.system("touch started")
        self.a = shared_arguments(args)

class Catches(Base):
    def __init__(self, args):
        try:
            self.a = shared_arguments(args)
        except BaseException:
            os._exit(3)

class NoParser(Base):
    def __init__(self, args):
        os.mkdir("made")

class SubCommands(Base):
    def __init__(self, args):
        p = parser()
        p.add_argument("--first")
        p.add_subparsers().add_parser("one")
        p.parse_args(args)

class Known(Base):
    def __init__(self, args):
        p = parser()
        p.add_argument("--some", type=lambda text: text.split(","))
        self.a, self.rest = p.parse_known_args(args)
"""


def test_arguments(tmp_path):
    file = tmp_path / "many.py"
    file.write_text(TASKS)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        with Host(str(file)) as host:
            tasks = {t.name: t for t in host.stub.describe(pb.DescribeRequest()).tasks}
    finally:
        os.chdir(here)
    assert [p for p in os.listdir(tmp_path) if p != "__pycache__"] == ["many.py"]
    assert set(tasks) == {"ByFunction", "Inherited", "WritesFirst", "StartsFirst", "Catches", "NoParser", "SubCommands", "Known"} | {"Base"}
    for name in ("ByFunction", "Inherited", "Catches"):
        task = tasks[name]
        assert not task.open_arguments and task.summary == "Words about it" and task.description == "More words"
        shared, cache, place = task.arguments
        assert (shared.arity, shared.type, shared.default_json) == ("2", pb.ARGUMENT_TYPE_FLOAT, "[1.0,2.0]")
        assert cache.negatable and list(cache.flags) == ["--cache"] and cache.default_json == "true"
        assert (place.name, place.arity, list(place.flags)) == ("place", "?", [])
    for name in ("WritesFirst", "StartsFirst", "NoParser"):
        assert tasks[name].open_arguments and not tasks[name].arguments
    assert tasks["SubCommands"].open_arguments and "{one}" in tasks["SubCommands"].usage
    assert not tasks["SubCommands"].arguments
    known = tasks["Known"]
    assert known.open_arguments and known.arguments[0].type == pb.ARGUMENT_TYPE_CUSTOM and "--some" in known.usage


def test_a_file_that_does_not_load(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import kagurazaka\nimport does_not_exist\n")
    with Host(str(file)) as host:
        error = host.stub.describe(pb.DescribeRequest()).error
        hint = f"{os.path.abspath(sys.executable)} runs it, and has no does_not_exist; --python names another interpreter"
        assert error.message == f"ModuleNotFoundError: No module named 'does_not_exist'; hint: {hint}"
        assert "broken.py" in error.traceback and "_serve" not in error.traceback


def test_describing_and_importing_load_nothing_big(tmp_path):
    file = tmp_path / "small.py"
    file.write_text(
        "import sys\nimport kagurazaka, kagurazaka.utils.collate\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'loaded too much'\n"
        "class T(kagurazaka.KagurazakaTask):\n    generate_tasks = process = lambda self: []\n"
    )
    with Host(str(file)) as host:
        assert host.task("T").name == "T"
    assert sys.executable
