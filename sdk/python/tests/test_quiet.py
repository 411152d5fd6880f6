"""Which constructors come before the listing: all but those that are known to do nothing that a listing sees."""

from __future__ import annotations

import textwrap

import pytest
from test_basis import described

HEAD = """
import argparse, codecs, contextlib, copy, functools, io, json, logging, multiprocessing, operator, os, shutil, subprocess, sys
from pathlib import Path
import helpers
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *

EXTS = [".txt"]
LOG = logging.getLogger(__name__)
"""
TASK = """
@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), input_mode=InputByExts(EXTS), output_mode=OutputByApendingExt(".o"))
class T({base}):
    def __init__(self, args{more}):
{body}

    def process(self, input, output):
        pass
{rest}
"""
# A module beside the task file whose name is that of one of Python's own.
COLORSYS = "def rgb_to_hsv(colour):\n    open('in/colour.txt', 'w').close()\n"
LAZY = "import os\ndef __getattr__(name):\n    if name != 'index': raise AttributeError(name)\n    os.mkdir('in/b')\n"
HELPERS = """
import os

def listed(folder):
    with open(os.path.join(folder, "list"), encoding="utf-8") as file:
        return [line.strip() for line in file if line]

def made(folder):
    os.makedirs(folder, exist_ok=True)
    return folder

def updated(options, task):
    task.update()

def shown(task):
    return task.name
"""

# fmt: off
# What the constructor does; what stands before the class; what stands below its methods.
QUIET = {
    "nothing": ("pass",),
    "arguments": ("p = argparse.ArgumentParser()\np.add_argument('--n', type=int, default=1)\nself.args = p.parse_args(args)",),
    "arguments of a helper's": ("self.args = parse(args)", "def parse(args):\n    p = argparse.ArgumentParser()\n    return p.parse_args(args)"),
    "a type of Python's": ("p = argparse.ArgumentParser()\np.add_argument('--n', type=str.lower)\nself.n = p.parse_args(args).n",),
    "arguments of its base's": ("self.add(args)", "class Base(KagurazakaTask):\n    def add(self, args): self.n = 1", "def add(self, args): super().add(args)", "Base"),
    "a type of its own": ("p = argparse.ArgumentParser()\np.add_argument('--n', type=lambda text: int(text) * 2)\nself.n = p.parse_args(args).n",),
    "its base's": ("super().__init__(args)\nself.n = 1",),
    "its base's by name": ("Base.__init__(self, args)", "class Base(KagurazakaTask):\n    def __init__(self, args):\n        self.n = 1", "", "Base"),
    "a file that is read": ("self.names = helpers.listed('in')",),
    "a file that is read as text of a kind": ("with codecs.open('in/list', 'r', 'utf8') as file:\n    self.names = json.load(file)",),
    "a setting": ("self.n = int(os.environ.get('N', '1'))\nself.name = os.environ['HOME'].replace('/', '_')",),
    "its own attributes": ("self.n = self.size * 2\nself.made = self.doubled(3)", "", "size = 4\ndef doubled(self, n): return self.size * n"),
    "its own property": ("self.n = self.size", "", "@property\ndef size(self): return 3"),
    "a line in the log": ("LOG.info('begun %s', args)\nprint('begun', file=sys.stderr)",),
    "its own dataset": ("self.n = 1", "", "def __len__(self): return 3\ndef __getitem__(self, n): return open(str(n), 'w')"),
    "locks": ("self.lock = multiprocessing.Lock()\nself.n = multiprocessing.Value('i', 0)",),
    "containers": ("self.seen = {}\nself.order = list(sorted({1, 2}))\nself.order.append(3)",),
    "slots": ("self.n = 1", "", "__slots__ = ('n',)"),
    "a copy": ("self.exts = copy.copy(EXTS)",),
}
LOUD = {
    "a built-in mode's method": ("InputByExts.generate_tasks = print",),
    "a built-in mode's method, by setattr": ("setattr(InputByExts, 'generate_tasks', print)",),
    "a built-in mode's method, by type": ("type.__setattr__(InputByExts, 'generate_tasks', print)",),
    "a built-in mode's method, by the task's mode": ("type(MODE).generate_tasks = print", "MODE = InputByExts(EXTS)"),
    "what built-in modes use": ("import kagurazaka.template.io as modes\nmodes.walk_files_of_dir = print",),
    "a file that is written": ("open('in/a.txt', 'w').close()",),
    "a file that is appended to": ("with open('in/a.txt', mode='a') as file: pass",),
    "open by another name": ("from io import open as read\nread('in/a.txt', 'w')",),
    "open with a mode of somewhere": ("open('in/a.txt', args[0])",),
    "open with a list": ("open(*['in/a.txt', 'w'])",),
    "open with a dict": ("open(**{'file': 'in/a.txt', 'mode': 'w'})",),
    "open that is passed on": ("list(map(open, ['in/a.txt'], ['w']))",),
    "open as a type": ("p = argparse.ArgumentParser()\np.add_argument('--a', type=functools.partial(open, mode='w'))\np.parse_args(args)",),
    "open as a method": ("self.get = open\nself.get('in/a.txt', 'w')",),
    "open of codecs": ("codecs.open('in/a.txt', 'w', 'utf8').close()",),
    "open of an operator": ("operator.call(open, 'in/a.txt', 'w')",),
    "a folder": ("os.makedirs('in/b')",),
    "a folder of a helper's": ("helpers.made('in/b')",),
    "a folder of a base's": ("pass", "class Base(KagurazakaTask):\n    def __init__(self, args):\n        helpers.made('in')", "", "Base"),
    "a folder by a decorated helper": ("make('b')", "@functools.lru_cache\ndef make(name): os.makedirs(name)"),
    "a folder by a wrapped helper": (
        "make('b')",
        "def twice(f):\n    def call(*a): return f(*a), f(*a)\n    return call\n@twice\ndef make(name): os.makedirs(name, exist_ok=True)",
    ),
    "a file of a path's": ("Path('in/a.txt').touch()",),
    "a text of a path's": ("Path('in/a.txt').write_text('a')",),
    "a folder of a path's": ("Path('in').joinpath('b').mkdir()",),
    "a path that is removed": ("p = Path('in/a.txt')\np.unlink()",),
    "a path that is renamed": ("Path('in/a.txt').rename('in/b.txt')",),
    "a path that takes another's place": ("p = Path('in/a.txt')\np.replace('in/b.txt')",),
    "a path that takes a named place": ("p = Path('in/a.txt')\np.replace(target='in/b.txt')",),
    "a path that is copied": ("p = Path('in/a.txt')\np.copy('in/b.txt')",),
    "a path's method that is passed on": ("list(map(Path('in/a.txt').write_text, ['a']))",),
    "a path's replace that is passed on": ("list(map(Path('in/a.txt').replace, ['in/b.txt']))",),
    "a path's method of the class": ("Path.mkdir(Path('in/b'))",),
    "a path's method by its name": ("list(map(operator.methodcaller('mkdir'), [Path('in/b')]))",),
    "a path's method that is kept": ("self.get = Path('in/a.txt').touch\nself.get()",),
    "a library's copy": ("shutil.copy('in/a.txt', 'in/b.txt')",),
    "a library's copy by another name": ("self.copy = shutil.copytree\nself.copy('in', 'out')",),
    "a program": ("subprocess.run(['true'])",),
    "another folder": ("os.chdir('in')",),
    "another folder in passing": ("with contextlib.chdir('in'): pass",),
    "a variable": ("os.environ['A'] = 'b'",),
    "a log's file": ("self.handler = logging.FileHandler('in/a.txt')",),
    "the log's file": ("logging.basicConfig(filename='in/a.txt')",),
    "exec": ("exec('import os')",),
    "getattr": ("getattr(os, 'mk' + 'dir')('in/b')",),
    "import by name": ("__import__('os').mkdir('in/b')",),
    "a global": ("global N\nN = 1",),
    "the template's list": ("EXTS.append('.md')",),
    "the template's list by another name": ("exts = EXTS\nexts += ['.md']",),
    "the template's list by an attribute": ("self.exts.append('.md')", "", "exts = EXTS"),
    "the template's list by an operator": ("operator.setitem(EXTS, 0, '.md')",),
    "the template's list by a method that is passed on": ("list(map(EXTS.append, ['.md']))",),
    "the template's list by a heap": ("import heapq\nheapq.heappush(EXTS, '.a')", "import heapq"),
    "its method with a known name": ("self.update()", "", "def update(self): os.makedirs('in/b')"),
    "its method by another name": ("me = self\nme.update()", "", "def update(self): os.makedirs('in/b')"),
    "its method of a helper's": ("helpers.updated(args, self)", "", "def update(self): os.makedirs('in/b')"),
    "its base's method": ("self.add(args)", "class Base(KagurazakaTask):\n    def add(self, args): os.mkdir('in/b')", "def add(self, args): super().add(args)", "Base"),
    "its own check": ("self.is_executed = lambda input: True",),
    "its property": ("self.n = self.name", "", "@property\ndef name(self): return os.mkdir('in/b')"),
    "its property in a helper": ("helpers.shown(self)", "", "@property\ndef name(self): return os.mkdir('in/b')"),
    "its property that is asked for": ("hasattr(self, 'name')", "", "@property\ndef name(self): return os.mkdir('in/b')"),
    "its property that is set": ("self.name = 1", "", "name = property(None, lambda self, value: os.mkdir('in/b'))"),
    "its descriptor": ("self.name = 1", "class D:\n    def __set__(self, task, value): os.mkdir('in/b')", "name = D()"),
    "its text": ("self.n = f'{self}'", "", "def __format__(self, how): return str(os.mkdir('in/b'))"),
    "its length": ("self.n = len(self)", "", "def __len__(self): return os.mkdir('in/b') or 1"),
    "its operator": ("self.n = self + 1", "", "def __add__(self, n): return os.mkdir('in/b')"),
    "its truth": ("if self: pass", "", "def __bool__(self): return os.mkdir('in/b') or True"),
    "its attributes": ("self.n = 1", "", "def __setattr__(self, name, value): os.mkdir('in/b')"),
    "an object's operator": ("self.n = HERE / 'b'", "class Folder:\n    def __truediv__(self, name): os.mkdir(name)\nHERE = Folder()"),
    "an object's text": ("self.n = f'{HERE}'", "class Folder(str):\n    def __format__(self, how): return str(os.mkdir(self))\nHERE = Folder('in/b')"),
    "an object of a default": ("self.n = here / 'b'", "class Folder:\n    def __truediv__(self, name): os.mkdir(name)", "", "KagurazakaTask", ", here=Folder()"),
    "an object": ("Made()", "class Made:\n    def __init__(self): os.mkdir('in/b')"),
    "a context": ("with made(): pass", "@contextlib.contextmanager\ndef made():\n    os.mkdir('in/b')\n    yield"),
    "a class in between": ("pass", "class Meta(type):\n    def __call__(cls, *a, **k):\n        os.makedirs('in/b', exist_ok=True)\n        return super().__call__(*a, **k)", "", "KagurazakaTask, metaclass=Meta"),
    "a module called like Python's": ("colorsys.rgb_to_hsv(1)", "import colorsys"),
    "a function of a table": ("TABLE['a']()", "TABLE = {'a': lambda: os.mkdir('in/b')}"),
    "a key": ("self.n = sorted([2, 1], key=make)", "def make(n): os.mkdir(str(n))"),
    "a hook": ("json.loads('{}', object_hook=make)", "def make(n): os.mkdir(str(n))"),
    "an action": ("p = argparse.ArgumentParser()\np.add_argument('--a', action=Make)\np.parse_args(args)", "class Make(argparse.Action):\n    def __call__(self, *a): os.mkdir('in/b')"),
    "a type": ("p = argparse.ArgumentParser()\np.add_argument('--a', type=os.mkdir)\np.parse_args(args)",),
    "a lazy attribute of a module": ("self.n = lazy.index", "import lazy"),
    "a lazy name of a module": ("from lazy import index\nself.n = index", "import lazy"),
    "a wrapped constructor": ("pass", "def first(cls):\n    old = cls.__init__\n    def init(self, args):\n        os.mkdir('in/b')\n        old(self, args)\n    cls.__init__ = init\n    return cls\n@first\nclass Base(KagurazakaTask): pass", "", "Base"),
    "a lambda": ("self.f = lambda: os.mkdir('in/b')\nself.f()",),
    "a function in it": ("def go(folder=os.mkdir('in/b')): pass",),
    "a clock": ("import time\ntime.sleep(0)",),
}


def text(body: str, before: str = "", below: str = "", base: str = "KagurazakaTask", more: str = "") -> str:
    """A task file with a constructor."""
    parts = {"body": textwrap.indent(body, " " * 8), "rest": textwrap.indent(below, " " * 4)}
    return f"{HEAD}{before}\n{TASK.format(base=base, more=more, **parts)}"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """For each constructor whether it comes before the listing."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "colorsys.py").write_text(COLORSYS)
    (folder / "lazy.py").write_text(LAZY)
    cases = {**QUIET, **LOUD}
    found = described(folder, {f"task{n}.py": text(*case) for n, case in enumerate(cases.values())})
    first = {}
    for name, answer in zip(cases, found.values()):
        assert not answer.HasField("error"), (name, answer.error.message)
        first[name] = "open_first" in next(task for task in answer.tasks if task.name == "T").capabilities
    return first


@pytest.mark.parametrize("name", QUIET)
def test_constructors_that_may_wait(answers: dict[str, bool], name: str) -> None:
    assert not answers[name]


@pytest.mark.parametrize("name", LOUD)
def test_constructors_that_come_first(answers: dict[str, bool], name: str) -> None:
    assert answers[name]
