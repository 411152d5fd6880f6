"""What a description was made from: static, recorded, or left to chance."""

from __future__ import annotations

import ast
import os
import pathlib
import random
import subprocess
import sys
import textwrap

import pytest
from host import SDK, Host, pb

HEAD = """
import argparse, os, sys
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
"""
TASK = """
@moemoecue_normal(hard_shard_mode=NoHardShard(SRC, DST), input_mode=InputByExts(EXTS), output_mode=OutputByApendingExt(".o"))
class T(KagurazakaTask):
    def process(self, input, output):
        pass
"""
DEFAULTS = 'SRC, DST, EXTS = "in", "out", [".txt"]\n'

# What the file says beside HEAD, DEFAULTS and TASK; "static", "once", or what is recorded.
IMPORTS = {
    "literals": ("", "static"),
    "placeholders": ("SRC = DST = P", "static"),
    "a tuple": ("SRC, DST = ('a', 'b')", "static"),
    "text": ("DST = f'{SRC}/out' + '.d' % ()", "static"),
    "joined": ("DST = os.path.join('a', 'b', os.path.basename(__file__))", "static"),
    "paths": ("from pathlib import Path\nDST = Path(__file__).parent / 'out'", "static"),
    "a helper": ("def common(ext, **more): return dict(src='in', ext=ext, **more)\nSRC = common('.npy', a=1)['src']", "static"),
    "a helper with a loop": ("def exts(*names):\n  found = []\n  for n in names: found.append('.' + n)\n  return found\nEXTS = exts('a', 'b')", "static"),
    "a comprehension": ("EXTS = ['.' + n for n in ('jpg', 'png') if n]", "static"),
    "a condition": ("if sys.version_info >= (3, 8):\n  DST = 'new'\nelse:\n  DST = 'old'", "static"),
    "not the main module": ("if __name__ == '__main__':\n  import time\n  DST = str(time.time())", "static"),
    "a dataclass": ("import dataclasses\n@dataclasses.dataclass\nclass C:\n  dst: str = 'out'\nDST = C().dst", "static"),
    "an enum": ("import enum\nclass C(enum.Enum):\n  A = 'out'\nDST = C.A.value", "static"),
    "a clock that goes nowhere": ("import time\nSTART = time.time()\nprint('loading')", "static"),
    "a library's constant": ("import odd_parser\nDST = str(odd_parser.N)", "library odd_parser.py"),
    "a module called like Python's": ("import statistics\nDST = statistics.mean('DST')", "variable DST"),
    "a library's settings": ("import logging\nlogging.basicConfig()\nLOG = logging.getLogger(__name__)", "static"),
    "a library that is set up": ("import random, signal, gc\nrandom.seed(1)\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\ngc.disable()", "static"),
    "a library that is not there": ("try:\n  import no_such_module\nexcept ImportError:\n  no_such_module = None", "presence no_such_module.py"),
    "sorted set": ("EXTS = sorted({'.a', '.b'})", "static"),
    "a cached helper": ("import functools\n@functools.lru_cache\ndef f(): return 'out'\nDST = f()", "static"),
    "json text": ("import json\nDST = json.loads('{\"a\": \"out\"}')['a']", "static"),
    # What is read from outside, by value.
    "a variable": ("DST = os.environ['DST']", "variable DST"),
    "a variable with a default": ("DST = os.environ.get('DST', 'out')", "variable DST"),
    "getenv": ("from os import getenv as g\nDST = g('DST') or 'out'", "variable DST"),
    "environ by another name": ("from os import environ as e\nDST = e.get('DST', 'x')", "variable DST"),
    "a variable's presence": ("DST = 'a' if 'DST' in os.environ else 'b'", "variable DST"),
    "a variable behind a helper": ("def env(name, default=None): return os.environ.get('MY_' + name, default)\nDST = env('DST', 'x')", "variable MY_DST"),
    "variables in a loop": ("for n in ('SRC', 'DST'):\n  os.environ.setdefault(n, 'x')\nDST = os.environ['DST']", "variable DST"),
    "a home folder": ("DST = os.path.expanduser('~/out')", "variable HOME"),
    "variables in a path": ("DST = os.path.expandvars('$ROOT/out')", "variable ROOT"),
    "a file": ("import json\nDST = json.load(open('settings.json'))['dst']", "file settings.json"),
    "a file in a with": ("with open('settings.json', encoding='utf-8') as f:\n  DST = f.read().strip()", "file settings.json"),
    "a file of a path": ("from pathlib import Path\nDST = Path('settings.json').read_text()", "file settings.json"),
    "lines of a file": ("EXTS = [line.strip() for line in open('settings.json')]", "file settings.json"),
    "a file behind a helper": ("def read(p):\n  with open(p) as f: return f.read()\nDST = read('settings.json')", "file settings.json"),
    "a file with a name of a variable": ("DST = open(os.environ.get('CFG', 'settings.json')).read()", "file settings.json"),
    "a folder": ("EXTS = os.listdir('.')", "folder ."),
    "a glob": ("import glob\nEXTS = glob.glob('data/*.pt')", "folder data"),
    "a path's folder": ("from pathlib import Path\nEXTS = [p.suffix for p in Path('.').iterdir()]", "folder ."),
    "presence": ("DST = 'a' if os.path.exists('flag') else 'b'", "presence flag"),
    "presence of a path": ("from pathlib import Path\nDST = 'a' if Path('flag').is_file() else 'b'", "presence flag"),
    "the working folder": ("DST = os.path.abspath('out')", "real "),
    "the working folder of a path": ("from pathlib import Path\nDST = Path.cwd() / 'out'", "real "),
    "links": ("DST = os.path.realpath('.')", "real ."),
    "a sibling": ("from sibling import DST", "source sibling.py"),
    "a sibling as a module": ("import sibling\nDST = sibling.DST", "source sibling.py"),
    "all of a sibling": ("from sibling import *", "source sibling.py"),
    "a package": ("from package.inner import DST", "source inner.py"),
    "a sibling's variable": ("from reader import DST", "variable FROM_SIBLING"),
    "a sibling that might be": ("try:\n  from local_settings import DST\nexcept ImportError:\n  DST = 'out'", "presence local_settings.py"),
    "an import by name": ("import importlib\nDST = importlib.import_module('sibling').DST", "source sibling.py"),
    # What is left to chance, or not understood.
    "the date": ("import datetime\nDST = f'out-{datetime.date.today()}'", "once"),
    "the time": ("from time import strftime as s\nDST = s('%Y')", "once"),
    "the clock in a condition": ("import time\nDST = 'a' if time.time() > 5 else 'b'", "once"),
    "the clock in an if": ("import time\nif time.time() > 5:\n  DST = 'a'", "once"),
    "the clock in a list": ("import time\nEXTS.append(str(time.time()))", "once"),
    "the clock behind another name": ("import time\nnow = time.time\nDST = str(now())", "once"),
    "the clock behind getattr": ("import time\nDST = str(getattr(time, 'time')())", "once"),
    "the clock behind map": ("import time\nDST = str(list(map(time.ctime, [1.0])))", "once"),
    "the clock as a default": ("import time\ndef f(t=time.time()): return str(t)\nDST = f()", "once"),
    "the clock by an object": ("import time\nclass C:\n  def __init__(self): self.t = time.time()\nDST = str(C().t)", "once"),
    "the clock by an alias": ("import time\na = b = {}\na['x'] = time.time()\nDST = str(b['x'])", "once"),
    "the clock inside": ("import time\nouter = {'a': {}}\nouter['a']['b'] = time.time()\nDST = str(outer)", "once"),
    "the clock in a global": ("import time\ndef f():\n  global DST\n  DST = str(time.time())\nf()", "once"),
    "the clock in a sibling": ("from clock import DST", "once"),
    "chance": ("import random\nDST = random.choice(['a', 'b'])", "once"),
    "chance in place": ("import random\nrandom.shuffle(EXTS)", "once"),
    "the order of a set": ("EXTS = list({'.a', '.b'})", "once"),
    "the order of a set in a loop": ("EXTS = []\nfor e in {'.a', '.b'}: EXTS.append(e)", "once"),
    "the order of a set in text": ("DST = '-'.join({'a', 'b'})", "once"),
    "an address": ("DST = str(object())", "once"),
    "a hash": ("DST = str(hash('a'))", "once"),
    "a process": ("import subprocess\nDST = subprocess.check_output(['echo', 'x'], text=True)", "once"),
    "a process id": ("DST = str(os.getpid())", "once"),
    "the host": ("import socket\nDST = socket.gethostname()", "once"),
    "the number of processors": ("DST = str(os.cpu_count())", "once"),
    "the whole environment": ("DST = str(sorted(os.environ))", "once"),
    "a copy of the environment": ("DST = dict(os.environ).get('DST', 'x')", "once"),
    "the environment as arguments": ("def f(HOME='', **k): return HOME\nDST = f(**os.environ)", "once"),
    "a variable of an unknown name": ("DST = os.environ.get(open('settings.json').read(), 'x')", "once"),
    "a file of an unknown name": ("import json\nDST = open('data/' + os.listdir('data')[0]).read()", "once"),
    "all below a folder": ("EXTS = [n for _, _, names in os.walk('.') for n in names]", "once"),
    "code": ("exec('DST = \"x\"')", "once"),
    "globals": ("globals()['DST'] = 'x'", "once"),
    "another working folder": ("os.chdir('.')", "once"),
    "a file that is written": ("open('log', 'w').close()", "once"),
    "a list that is written": ("InputByExts(['.txt']).to_jsonl('.', 'list.jsonl')", "once"),
    "a call that is there for what it does": ("import odd_parser\nodd_parser.make()", "once"),
    "a program that is run for what it does": ("import subprocess\nDONE = subprocess.run(['true'])", "once"),
    "a file that is copied in a helper": ("import shutil\ndef copy():\n  shutil.copy('settings.json', 'data')\ncopy()", "once"),
    "a variable set by a library": ("from dotenv_like import load\nload()\nDST = os.environ.get('LATER', 'x')", "once"),
    "a library's object": ("import odd_parser\nDST = odd_parser.OBJECT.dst", "once"),
    "an attribute of a library, set by the clock": ("import odd_parser, time\nodd_parser.N = str(time.time())\nDST = odd_parser.N", "once"),
    "a library's list, filled by the clock": ("import odd_parser, time\nodd_parser.LIST.append(str(time.time()))\nDST = odd_parser.LIST[0]", "once"),
    "a built-in mode's method": ("InputByExts.generate_tasks = lambda self, path: []", "once"),
    "a built-in mode's method, by setattr": ("setattr(OutputByApendingExt, 'get_output_params', print)", "once"),
    "a built-in mode's method, by another name": ("for kind in (SoftShard, HardShardModeV1): kind.helper = print", "once"),
    "a built-in mode's method, in a function": ("def patch(kind): kind.is_executed = print\npatch(FinishCheckByOutputFileExistence)", "once"),
    "a built-in mode's method, as a decorator": ("def patch(method):\n  setattr(InputMode, method.__name__, method)\n  return method\n@patch\ndef generate_tasks(self, path): return []", "once"),
    "a built-in mode's method, by mock": ("from unittest import mock\nmock.patch.object(InputByExts, 'generate_tasks', print).start()", "once"),
    "a built-in mode's method, by a sibling": ("import patches", "once"),
    "a built-in mode's method, by type": ("type.__setattr__(InputByExts, 'generate_tasks', print)", "once"),
    "a built-in mode's method, taken away": ("del InputMode.to_jsonl", "once"),
    "what built-in modes use": ("import kagurazaka.template.io as modes\nmodes.walk_files_of_dir = print", "once"),
    "the base of tasks": ("KagurazakaTask.is_executed = lambda self, **item: False", "once"),
    "a metaclass": ("class M(type):\n  pass\nclass KagurazakaTask(KagurazakaTask, metaclass=M): pass", "once"),
    "a task that is there by chance": ("import time\nif time.time() > 5:\n  class U(KagurazakaTask):\n    generate_tasks = process = lambda s: []", "once"),
    "a time of a file of an unknown name": ("EXTS = sorted(os.listdir('.'), key=os.path.getmtime)", "once"),
}  # fmt: skip

CONSTRUCTORS = {
    "constants": ("p = argparse.ArgumentParser()\np.add_argument('--n', type=int, default=3, choices=[3, 4])\nself.a = p.parse_args(args)", "static"),
    "a group": ("p = argparse.ArgumentParser()\ng = p.add_argument_group('g')\ng.add_argument('--n')\nself.a = p.parse_args(args)", "static"),
    "a heavy part before": ("import time\nself.t = time.time()\np = argparse.ArgumentParser()\np.add_argument('--n')\nself.a = p.parse_args(args)", "static"),
    "what comes later": ("p = argparse.ArgumentParser()\nself.a = p.parse_args(args)\nos.makedirs('never')", "static"),
    "a sibling's parser": ("self.a = parsers.parse(args)", "source parsers.py"),
    "a parser of a sibling that is imported here, which is not run": ("from inner_parsers import parse\nself.a = parse(args)", "static"),
    "a sibling that is imported here": ("import inner_parsers\np = argparse.ArgumentParser()\nself.a = p.parse_args(args)", "once"),
    "a library that is imported here": ("import odd_parser\nself.n = odd_parser.N\np = argparse.ArgumentParser()\nself.a = p.parse_args(args)", "library odd_parser.py"),
    "a module that is not there": ("try:\n  import no_such\nexcept ImportError: pass\np = argparse.ArgumentParser()\nself.a = p.parse_args(args)", "presence no_such.py"),
    "choices of a folder": ("p = argparse.ArgumentParser()\np.add_argument('--m', choices=os.listdir('.'))\nself.a = p.parse_args(args)", "folder ."),
    "required": ("p = argparse.ArgumentParser()\np.add_argument('--m', required='X' not in os.environ)\nself.a = p.parse_args(args)", "variable X"),
    "a default": ("p = argparse.ArgumentParser()\np.add_argument('--m', default=os.environ.get('X'))\nself.a = p.parse_args(args)", "variable X"),
    "a condition": ("p = argparse.ArgumentParser()\nif os.environ.get('X'):\n  p.add_argument('--m')\nself.a = p.parse_args(args)", "variable X"),
    "a default of the clock": ("import time\np = argparse.ArgumentParser()\np.add_argument('--m', default=time.time())\nself.a = p.parse_args(args)", "once"),
    "a group by the clock": ("import time\np = argparse.ArgumentParser()\np.add_argument_group('g').add_argument('--m', default=time.time())\nself.a = p.parse_args(args)", "once"),
    "a helper of the clock": ("import time\ndef add(p): p.add_argument('--m', default=time.time())\np = argparse.ArgumentParser()\nadd(p)\nself.a = p.parse_args(args)", "once"),
    "a condition of the clock": ("import time\np = argparse.ArgumentParser()\nif time.time() > 5:\n  p.add_argument('--m')\nself.a = p.parse_args(args)", "once"),
    "the order of a set": ("p = argparse.ArgumentParser()\np.add_argument('--m', choices=list({'a', 'b'}))\nself.a = p.parse_args(args)", "once"),
    "a parser of a library": ("import odd_parser\np = odd_parser.make()\nself.a = p.parse_args(args)", "once"),
}  # fmt: skip

FILES = {
    "sibling.py": "DST = 'out'\n",
    "statistics.py": "import os\ndef mean(name): return os.environ.get(name, 'out')\n",
    "reader.py": "import os\nDST = os.environ.get('FROM_SIBLING', 'out')\n",
    "patches.py": "from kagurazaka.template import io\nio.InputByExts.generate_tasks = print\n",
    "clock.py": "import time\nDST = str(time.time())\n",
    "parsers.py": "import argparse\ndef parse(args):\n  p = argparse.ArgumentParser()\n  p.add_argument('--n')\n  return p.parse_args(args)\n",
    "inner_parsers.py": "from parsers import parse\n",
    "package/__init__.py": "",
    "package/inner.py": "DST = 'out'\n",
    "site-packages/dotenv_like.py": "import os\ndef load(): os.environ['LATER'] = 'there'\n",
    "site-packages/odd_parser.py": "N = 1\nLIST = []\nclass C: dst = 'x'\nOBJECT = C()\nimport argparse\ndef make(): return argparse.ArgumentParser()\n",
    "settings.json": '{"dst": "out"}',
    "data/.keep": "",
}

BENCH = {
    "touch.py": """import argparse
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
@moemoecue_normal(hard_shard_mode=NoHardShard(input_path=P, output_path=P), input_mode=InputByExts(exts=['.txt']), output_mode=OutputByApendingExt(ext='.out'), finish_check_mode=FinishCheckByOutputFileExistence())
class Touch(KagurazakaTask):
    def process(self, input, output, **kw):
        open(output.path,'w').close()
""",
    "noop.py": """import argparse
from kagurazaka import KagurazakaTask
class Noop(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser(add_help=True)
        p.add_argument('--count', type=int, default=100000, help='number of items')
        self.n = p.parse_args(args).count
    def generate_tasks(self):
        return [{'i': i, 'path': f'/data/in/{i%1000}/{i}.jpg'} for i in range(self.n)]
    def is_executed(self, **kw):
        return False
    def process(self, **kw):
        pass
""",
    "resize.py": """import argparse, os
from PIL import Image
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import NoHardShard, SoftShard, InputByExts, OutputByApendingExt, FinishCheckByOutputFileExistence
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P
@moemoecue_normal(hard_shard_mode=NoHardShard(input_path=P, output_path=P), soft_shard=SoftShard(0,1), input_mode=InputByExts(exts=['.jpg']), output_mode=OutputByApendingExt(ext='.jpg'), finish_check_mode=FinishCheckByOutputFileExistence())
class Resize(KagurazakaTask):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument('--size', type=int, default=256, help='longest side')
        self.a = p.parse_args(args)
    def process(self, input, output, **kw):
        im = Image.open(input.path)
        im.draft('RGB', (self.a.size*2, self.a.size*2))
        im.thumbnail((self.a.size, self.a.size), Image.LANCZOS)
        im.save(output.path, quality=85)
""",
}  # fmt: skip

# One process describes many files: a fork for each.
DESCRIBE = """
import os, sys
from kagurazaka._serve import describe, taskfile
from kagurazaka._proto import plugin_pb2 as pb
for path in sys.argv[1:]:
    if os.fork() == 0:
        answer = describe.describe(taskfile.TaskFile(path), pb.DescribeRequest())
        with open(path + ".answer", "wb") as file:
            file.write(answer.SerializeToString())
        os._exit(0)
    os.wait()
"""


def described(folder: pathlib.Path, texts: dict[str, str], **environment: str) -> dict[str, object]:
    """The answers for some task files, by their names."""
    for name, text in {**FILES, **texts}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    env = {**os.environ, "PYTHONPATH": f"{SDK}:{folder / 'site-packages'}", "DST": "from outside", **environment}
    env.pop("X", None)
    paths = [str(folder / name) for name in texts]
    subprocess.run([sys.executable, "-c", DESCRIBE, *paths], env=env, cwd=folder, check=True, timeout=300)
    return {name: pb.DescribeResponse.FromString((folder / f"{name}.answer").read_bytes()) for name in texts}


def is_library(entry) -> bool:
    """Whether an input is a module of Python or of an installed package."""
    return entry.kind == pb.INPUT_KIND_FILE and os.path.isabs(entry.name) and entry.name.endswith((".py", ".so"))


def check(name: str, answer, wanted: str) -> None:
    assert not answer.HasField("error"), (name, answer.error.message)
    if wanted == "once":
        assert answer.validity == pb.VALIDITY_ONCE and answer.once_because and not answer.inputs, (name, answer)
        return
    assert answer.validity == pb.VALIDITY_RECORDED, (name, answer.once_because)
    kinds = {
        "variable": pb.INPUT_KIND_VARIABLE,
        "file": pb.INPUT_KIND_FILE,
        "folder": pb.INPUT_KIND_FOLDER,
        "real": pb.INPUT_KIND_REAL_PATH,
    }
    kind, _, what = wanted.partition(" ")
    if kind == "source":
        assert what in {os.path.basename(path) for path in answer.sources}, (name, answer.sources)
    elif kind == "library":
        assert any(is_library(i) and os.path.basename(i.name) == what for i in answer.inputs), (name, answer.inputs)
        assert what not in {os.path.basename(path) for path in answer.sources}, (name, answer.sources)
    elif kind == "presence":
        assert any(i.kind == pb.INPUT_KIND_PRESENCE and i.name.endswith(what) for i in answer.inputs), (name, answer.inputs)
    elif kind != "static":
        assert any((i.kind, i.name) == (kinds[kind], what) for i in answer.inputs), (name, answer.inputs)
    else:
        interpreter = {"PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONNOUSERSITE", "LC_ALL", "LC_CTYPE", "LANG"}
        told = [i for i in answer.inputs if i.kind != pb.INPUT_KIND_PRESENCE and not is_library(i)]
        read = {(i.kind, i.name) for i in told if i.name not in interpreter}
        assert not read, (name, read)


def assert_all(test, names) -> None:
    wrong = []
    for name in names:
        try:
            test(name)
        except AssertionError as error:
            wrong.append(str(error)[:400])
    assert not wrong, "\n\n".join(wrong)


def test_what_is_read_at_import(tmp_path):
    names = {f"t{i}.py": name for i, name in enumerate(IMPORTS)}
    texts = {file: HEAD + DEFAULTS + IMPORTS[name][0] + TASK for file, name in names.items()}
    answers = described(tmp_path, texts)
    assert_all(lambda file: check(names[file], answers[file], IMPORTS[names[file]][1]), names)
    assert all("T" in {task.name for task in answer.tasks} for answer in answers.values())


def test_what_a_constructor_reads(tmp_path):
    names = {f"t{i}.py": name for i, name in enumerate(CONSTRUCTORS)}
    texts = {}
    for file, name in names.items():
        body = textwrap.indent(CONSTRUCTORS[name][0], "        ")
        texts[file] = (
            f"{HEAD}import parsers\nclass T(KagurazakaTask):\n    def __init__(self, args):\n{body}\n    generate_tasks = process = lambda self: []\n"
        )
    answers = described(tmp_path, texts)
    assert_all(lambda file: check(names[file], answers[file], CONSTRUCTORS[names[file]][1]), names)


@pytest.mark.parametrize("name", ["touch.py", "noop.py", "resize.py"])
def test_the_files_of_the_benchmarks_are_static(tmp_path, name):
    # resize.py imports Pillow, which need not be there.
    (tmp_path / "site-packages" / "PIL").mkdir(parents=True)
    (tmp_path / "site-packages" / "PIL" / "__init__.py").write_text("import os, time\nNOW = time.time(), os.environ.get('PILLOW')\n")
    (tmp_path / "site-packages" / "PIL" / "Image.py").write_text("LANCZOS = 1\n")
    answer = described(tmp_path, {name: BENCH[name]})[name]
    check(name, answer, "static")
    assert all(task.arguments for task in answer.tasks if name != "touch.py")


def test_states_are_those_of_the_contract(tmp_path):
    text = (
        HEAD
        + DEFAULTS
        + "DST = open('settings.json').read() + str(os.listdir('data')) + os.environ['DST'] + os.path.realpath('data')"
        + TASK
    )
    answer = described(tmp_path, {"t.py": text})["t.py"]
    states = {(i.kind, i.name): i.state for i in answer.inputs}
    found = os.stat(tmp_path / "settings.json")
    assert states[pb.INPUT_KIND_FILE, "settings.json"] == f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
    assert states[pb.INPUT_KIND_FOLDER, "data"] == sha256(b".keep")
    assert states[pb.INPUT_KIND_VARIABLE, "DST"] == sha256(b"from outside")
    assert states[pb.INPUT_KIND_REAL_PATH, "data"] == sha256(os.fsencode(os.path.realpath(tmp_path / "data")))
    assert states[pb.INPUT_KIND_VARIABLE, "PYTHONHOME"] == ""


def sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_a_constructor_that_is_described_by_its_usage_text(tmp_path):
    text = HEAD + (
        "class T(KagurazakaTask):\n    def __init__(self, args):\n        p = argparse.ArgumentParser()\n        p.add_argument('--a')\n"
        "        self.a, self.rest = p.parse_known_args(args)\n    generate_tasks = process = lambda self: []\n"
    )
    answer = described(tmp_path, {"t.py": text})["t.py"]
    # argparse wraps its text by these.
    assert answer.tasks[0].usage and {"COLUMNS", "LANGUAGE"} <= {i.name for i in answer.inputs}


def test_a_function_is_described_anew_with_its_mixin():
    file = pathlib.Path(__file__).parent / "tasks" / "basic.py"
    with Host(str(file)) as host:
        assert host.stub.describe(pb.DescribeRequest(task="factory")).validity == pb.VALIDITY_RECORDED
        request = pb.DescribeRequest(task="factory", mixin_json=b'{"option": "n", "n": 1}')
        assert host.stub.describe(request).validity == pb.VALIDITY_UNSPECIFIED


def test_odd_code_never_fails(tmp_path):
    """Statements of this very suite and of the standard library, cut and mixed: whatever comes of it is a verdict."""
    from kagurazaka._serve.basis.inputs import Inputs
    from kagurazaka._serve.basis.look import look

    rng = random.Random(7)
    pieces: list[ast.stmt] = []
    for path in (__file__, ast.__file__, textwrap.__file__, pathlib.Path(__file__).parent / "tasks" / "capable.py"):
        tree = ast.parse(pathlib.Path(path).read_text())
        pieces += [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    module = type(sys)("odd")
    file = tmp_path / "odd.py"
    verdicts = set()
    for _ in range(25 * int(os.environ.get("KAGURAZAKA_FUZZ_SEEDS", "12"))):
        text = "".join(ast.unparse(rng.choice(pieces)) + "\n" for _ in range(rng.randrange(1, 8)))
        try:
            compile(text, "odd", "exec")
        except SyntaxError:
            continue
        file.write_text(text)
        basis = look(module, str(file), dict(os.environ), {**sys.modules}, [], [], False)
        assert "could not be followed (AttributeError" not in basis.once_because, (text, basis.once_because)
        assert "could not be followed (TypeError" not in basis.once_because, (text, basis.once_because)
        verdicts.add(bool(basis.once_because))
    assert verdicts == {False, True}
    assert Inputs({}).messages() == []


@pytest.mark.torch
def test_files_that_import_torch_are_static(tmp_path):
    pytest.importorskip("torch")
    folder = pathlib.Path(__file__).parent / "tasks"
    texts = {name: (folder / name).read_text() for name in ("torch_stages.py", "torch_kinds.py")}
    settings = (
        "torch.set_num_threads(1)\ntorch.backends.cudnn.benchmark = torch.cuda.is_available()\nSTD = torch.tensor([0.2]).view(1, 1)\n"
    )
    texts["settings.py"] = texts["torch_stages.py"].replace("\n\n\ndef common", "\n\n" + settings + "\n\ndef common", 1)
    texts["device.py"] = texts["torch_stages.py"].replace("batch_size=4,", "batch_size=4 if torch.cuda.is_available() else 2,", 1)
    for name, answer in described(tmp_path, texts).items():
        check(name, answer, "once" if name == "device.py" else "static")
