"""What flows from outside into a description is found, whatever way it takes: compared with running the code twice."""

from __future__ import annotations

import os
import random
import sys
import types

import pytest
from host import SDK  # noqa: F401

# Ways of a value {a} to another, {b}.
FLOWS = [
    "{b} = {a}",
    "{b} = [{a}][0]",
    "{b} = {{'k': {a}}}['k']",
    "{b} = dict(k={a}).get('k')",
    "{b} = ''.join([{a}, '-'])",
    "{b} = f'{{{a}}}-x'",
    "{b} = '%s' % {a}",
    "{b} = '{{}}'.format({a})",
    "{b} = {a} if {a} else 'none'",
    "{b} = 'p' if {a} > 'm' else 'q'",
    "if {a} > 'm':\n    {b} = 'p'\nelse:\n    {b} = 'q'",
    "{b} = 'q'\nif {a} > 'm':\n    {b} = 'p'",
    "{b} = []\n{b}.append({a})\n{b} = {b}[0]",
    "{b} = {{}}\n{b}['k'] = {a}\n{b} = {b}['k']",
    "{b}l = {b}m = []\n{b}l.append({a})\n{b} = {b}m[0]",
    "{b}o = {{'in': []}}\n{b}i = {b}o['in']\n{b}i.append({a})\n{b} = {b}o['in'][0]",
    "{b}d = {{}}\n{b}d.setdefault('x', []).append({a})\n{b} = {b}d['x'][0]",
    "{b}d = {{}}\n{b}d.update(k={a})\n{b} = str({b}d['k'])",
    "def {b}f(x): return x\n{b} = {b}f({a})",
    "def {b}f(*x): return x[0]\n{b} = {b}f({a}, 1)",
    "def {b}f(**x): return x['y']\n{b} = {b}f(y={a})",
    "def {b}f(x={a}): return x\n{b} = {b}f()",
    "def {b}f():\n    return {a}\n{b} = {b}f()",
    "def {b}f():\n    global {b}\n    {b} = {a}\n{b}f()",
    "def {b}f():\n    x = 'a'\n    def g():\n        nonlocal x\n        x = {a}\n    g()\n    return x\n{b} = {b}f()",
    "def {b}f(x):\n    if x > 'm':\n        return 'p'\n    return 'q'\n{b} = {b}f({a})",
    "def {b}f(x):\n    for c in 'pq':\n        if x > 'm':\n            break\n    return c\n{b} = {b}f({a})",
    "def {b}f(x):\n    yield x\n{b} = list({b}f({a}))[0]",
    "{b} = (lambda x: x)({a})",
    "{b} = [x for x in [{a}]][0]",
    "{b} = [y for y in 'pq' if {a} > 'm' or y == 'q'][0]",
    "{b} = list(map(lambda x: x + '.', [{a}]))[0]",
    "{b} = sorted([{a}, 'm'])[0]",
    "{b} = max({a}, 'm')",
    "{b} = max(['p', 'q'], key=lambda c: c if {a} > 'm' else '')",
    "class {b}C:\n    v = {a}\n{b} = {b}C.v",
    "class {b}C:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\n{b} = {b}C({a}).get()",
    "class {b}C:\n    @property\n    def v(self): return {a}\n{b} = {b}C().v",
    "class {b}C:\n    @classmethod\n    def v(cls, x): return x\n{b} = {b}C.v({a})",
    "class {b}B:\n    def __init__(self, x): self.x = x\nclass {b}C({b}B):\n    def __init__(self, x): super().__init__(x)\n{b} = {b}C({a}).x",
    "import dataclasses\n@dataclasses.dataclass\nclass {b}C:\n    x: str = {a}\n{b} = {b}C().x",
    "try:\n    if {a} > 'm': raise ValueError\n    {b} = 'p'\nexcept ValueError:\n    {b} = 'q'",
    "try:\n    {b} = {{'a': 'p'}}[{a}[:1]]\nexcept KeyError:\n    {b} = 'q'",
    "import contextlib\n{b} = 'q'\nwith contextlib.suppress(KeyError):\n    {b} = {{'a': 'p'}}[{a}[:1]]",
    "{b} = ''\nfor {b}c in {a}:\n    {b} += {b}c",
    "{b} = ''\n{b}n = 0\nwhile {b}n < len({a}):\n    {b} += 'x' if {a} > 'm' else 'y'\n    {b}n += 1",
    "{b}x, {b} = 'x', {a}",
    "{b}x, *{b} = ['x', {a}]\n{b} = {b}[0]",
    "({b} := {a})",
    "{b} = {a}[:3] + {a}[3:]",
    "{b} = str(len({a}) if {a} > 'm' else 0)",
    "import json\n{b} = json.loads(json.dumps({{'a': {a}}}))['a']",
    "import os\n{b} = os.path.basename(os.path.join('x', {a}))",
    "from pathlib import Path\n{b} = str(Path('x') / {a})",
    "import functools\n{b} = functools.reduce(lambda x, y: x + y, ['a', {a}])",
    "import functools\n{b}f = functools.partial(str.replace, {a}, 'zz')\n{b} = {b}f('yy')",
    "{b} = {a}.replace('zz', 'y').strip()",
    "{b} = {{True: 'p', False: 'q'}}[{a} > 'm']",
    "{b} = ('q', 'p')[{a} > 'm']",
    "{b} = {a} and 'p' + {a}",
    "{b} = str('m' < {a} < 'zzz')",
    "{b} = str(not {a} > 'm')",
    "def {b}d(f):\n    def g(): return f() + {a}\n    return g\n@{b}d\ndef {b}f(): return 'x'\n{b} = {b}f()",
    "import functools\ndef {b}d(f):\n    @functools.wraps(f)\n    def g(*x): return f(*x) + {a}\n    return g\n@{b}d\ndef {b}f(): return 'x'\n{b} = {b}f()",
    "import os\nos.environ['KG_{b}'] = {a}\n{b} = os.environ['KG_{b}']",
    "{b}r = {{}}\ndef {b}reg(f):\n    {b}r[f.__name__] = {a}\n    return f\n@{b}reg\ndef {b}f(): pass\n{b} = {b}r['{b}f']",
    "class {b}C: pass\n{b}C.x = {a}\n{b} = {b}C.x",
    "class {b}C: pass\n{b}c = {b}C()\nsetattr({b}c, 'x', {a})\n{b} = getattr({b}c, 'x')",
    "import types\n{b} = types.SimpleNamespace(x={a}).x",
    "import collections\n{b}d = collections.defaultdict(list)\n{b}d['x'].append({a})\n{b} = {b}d['x'][0]",
    "import re\n{b} = re.sub('zz', 'y', {a})",
    "import re\n{b} = re.sub('p', lambda m: {a}, 'p')",
    "import copy\n{b} = copy.deepcopy([{a}])[0]",
    "import itertools\n{b} = list(itertools.chain(['x'], [{a}]))[-1]",
    "import enum\nclass {b}E(enum.Enum):\n    A = {a}\n{b} = {b}E.A.value",
    "{b} = type('X', (), {{'v': {a}}}).v",
    "assert {a}\n{b} = 'p' if {a} > 'm' else 'q'",
    "del_{b} = {a}\n{b} = del_{b}\ndel del_{b}",
    "{b} = vars_{b} = {a}",
    "import builtins\n{b} = builtins.str({a})",
    "{b}l = ['q']\nif {a} > 'm':\n    {b}l.append('p')\n{b} = {b}l[-1]",
    "{b}l = ['q', 'p']\nif {a} > 'm':\n    {b}l.pop()\n{b} = {b}l[-1]",
    "{b}l = ['q', 'p']\nif {a} > 'm':\n    del {b}l[1]\n{b} = {b}l[-1]",
    "{b}l = ['q', 'p']\nif {a} > 'm':\n    {b}l.reverse()\n{b} = {b}l[-1]",
    "{b}l = ['p', {a}]\n{b}l.sort()\n{b} = {b}l[0]",
    "match {a}[:1]:\n    case 'a':\n        {b} = 'p'\n    case _:\n        {b} = 'q'",
    "def {b}f():\n    try:\n        return {a}\n    finally:\n        pass\n{b} = {b}f()",
    "def {b}f(x):\n    while True:\n        if x > 'm': return 'p'\n        return 'q'\n{b} = {b}f({a})",
    "def {b}f(x):\n    def inner(y):\n        if y > 'm': raise KeyError(y)\n        return 'q'\n    try:\n        return inner(x)\n    except KeyError:\n        return 'p'\n{b} = {b}f({a})",
    "{b} = next(iter([{a}]))",
    "{b} = next((y for y in 'pq' if {a} > 'm'), 'none')",
    "{b} = str(any([{a} > 'm']))",
    "{b} = str({a} in ('a1', 'b1'))",
    "{b} = dict(zip(['k'], [{a}]))['k']",
    "{b} = [n for i, n in enumerate(['q', {a}]) if i][0]",
    "import operator\n{b} = operator.itemgetter(0)([{a}])",
    "import string\n{b} = string.Template('$x').substitute(x={a})",
    "def {b}f(n):\n    return {a} if n == 0 else {b}f(n - 1)\n{b} = {b}f(1)",
    "{b}g = {a}\n{b} = globals_{b} = {b}g",
    "class {b}C:\n    def __init__(self): self.d = {{}}\n    def put(self, v): self.d['v'] = v\n    def get(self): return self.d['v']\n{b}c = {b}C()\n{b}c.put({a})\n{b} = {b}c.get()",
    "class {b}C:\n    shared = []\n{b}C().shared.append({a})\n{b} = {b}C.shared[0]",
    "class {b}C:\n    def __call__(self, x): return x\n{b} = {b}C()({a})",
    "class {b}C:\n    def __getitem__(self, k): return {a}\n{b} = {b}C()['x']",
    "class {b}C:\n    def __str__(self): return {a}\n{b} = str({b}C())",
    "class {b}C:\n    def __len__(self): return len({a}) if {a} > 'm' else 0\n{b} = 'p' if {b}C() else 'q'",
    "class {b}C:\n    def __eq__(self, o): return {a} > 'm'\n{b} = str({b}C() == 1)",
    "class {b}C:\n    def __add__(self, o): return {a}\n{b} = {b}C() + 1",
    "class {b}C:\n    def __iter__(self): return iter([{a}])\n{b} = [x for x in {b}C()][0]",
    "class {b}C:\n    def __contains__(self, o): return {a} > 'm'\n{b} = str(1 in {b}C())",
    "class {b}C:\n    def __getattr__(self, n): return {a}\n{b} = {b}C().anything",
    "class {b}C:\n    def __enter__(self): return {a}\n    def __exit__(self, *x): pass\nwith {b}C() as {b}: pass",
    "class {b}C:\n    def __bool__(self): return {a} > 'm'\n{b} = 'p' if {b}C() else 'q'",
    "class {b}C:\n    def __hash__(self): return 1\n    def __lt__(self, o): return {a} > 'm'\n{b} = str({b}C() < {b}C())",
    "class {b}C:\n    def __neg__(self): return {a}\n{b} = -{b}C()",
    "class {b}C:\n    def __format__(self, s): return {a}\n{b} = f'{{{b}C()}}'",
    "class {b}C:\n    def __fspath__(self): return {a}\nimport os\n{b} = os.path.join('x', {b}C())",
    "class {b}C(dict):\n    def __missing__(self, k): return {a}\n{b} = {b}C()['x']",
    "class {b}C(str):\n    def upper(self): return {a}\n{b} = {b}C('x').upper()",
    "class {b}D:\n    def __get__(self, o, c): return {a}\nclass {b}C:\n    v = {b}D()\n{b} = {b}C().v",
    "class {b}B:\n    def __init_subclass__(cls): cls.v = {a}\nclass {b}C({b}B): pass\n{b} = {b}C.v",
    "class {b}M(type):\n    v = property(lambda c: {a})\nclass {b}C(metaclass={b}M): pass\n{b} = {b}C.v",
    "class {b}C:\n    def __class_getitem__(cls, k): return {a}\n{b} = {b}C['x']",
    "class {b}C:\n    def __new__(cls): return {a}\n{b} = {b}C()",
    "def {b}f(): pass\n{b}f.x = {a}\n{b} = {b}f.x",
    "from functools import cached_property\nclass {b}C:\n    @cached_property\n    def v(self): return {a}\n{b} = {b}C().v",
    "import collections\n{b} = collections.namedtuple('N', 'x')({a}).x",
    "from typing import NamedTuple\nclass {b}N(NamedTuple):\n    x: str\n{b} = {b}N({a}).x",
    "import dataclasses\n@dataclasses.dataclass\nclass {b}C:\n    x: str = dataclasses.field(default_factory=lambda: {a})\n{b} = {b}C().x",
    "import dataclasses\n@dataclasses.dataclass\nclass {b}C:\n    x: str = 'x'\n    def __post_init__(self): self.x = {a}\n{b} = {b}C().x",
    "import sys\n{b} = getattr(sys.modules[__name__], '{a}')",
    "async def {b}f(): return {a}\n{b}c = {b}f()\ntry:\n    {b}c.send(None)\nexcept StopIteration as {b}e:\n    {b} = {b}e.value",
    "try:\n    raise ValueError({a})\nexcept ValueError as {b}e:\n    {b} = {b}e.args[0]",
    "try:\n    raise ValueError({a})\nexcept ValueError as {b}e:\n    {b} = str({b}e)",
]

HEADS = {
    "chance": "import chance_source\nv0 = chance_source.chance()\n",
    "variable": "import os\nv0 = os.environ['KG_FLOW']\n",
}
VALUES = ("a1", "z2222")


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A module of a library whose function returns what it likes."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "chance_source.py").write_text("value = ''\ndef chance(): return value\n")
    monkeypatch.syspath_prepend(str(folder))
    import chance_source

    yield chance_source
    del sys.modules["chance_source"]


def run(text, path):
    module = types.ModuleType("flowing")
    module.__file__ = path
    sys.modules["flowing"] = module
    exec(compile(text, path, "exec"), module.__dict__)
    return module


def verdicts(chain, source, path, monkeypatch):
    """For each head: whether DST is another with another value, and what the look says. None: the chain does not run."""
    from kagurazaka._serve.basis.look import look

    body = "".join(FLOWS[flow].format(a=f"v{i}", b=f"v{i + 1}") + "\n" for i, flow in enumerate(chain)) + f"DST = v{len(chain)}\n"
    for head in HEADS.values():
        path.write_text(head + body)
        found = []
        try:
            for value in VALUES:
                source.value = value
                monkeypatch.setenv("KG_FLOW", value)
                for name in [name for name in os.environ if name.startswith("KG_v")]:
                    monkeypatch.delenv(name)
                environment = dict(os.environ)
                module = run(head + body, str(path))
                found.append(str(module.DST))
        except Exception:
            return
        yield body, found[0] != found[1], look(module, str(path), environment, {**sys.modules}, ["DST"], [], False)


def check(chain, source, path, monkeypatch):
    for kind, (body, differs, basis) in zip(HEADS, verdicts(chain, source, path, monkeypatch)):
        assert "could not be followed" not in basis.once_because, (body, basis.once_because)
        if differs and kind == "chance":
            assert basis.once_because, body
        if differs and kind == "variable":
            assert basis.once_because or any(entry.name == "KG_FLOW" for entry in basis.inputs), body
        yield kind, differs, bool(basis.once_because)


def test_every_way(source, tmp_path, monkeypatch):
    kept = 0
    for flow in range(len(FLOWS)):
        results = list(check([flow], source, tmp_path / "flowing.py", monkeypatch))
        assert [differs for _, differs, _ in results] == [True, True], FLOWS[flow]
        kept += not results[1][2]
    # Most of them are understood, so that a variable is recorded.
    assert kept > len(FLOWS) * 0.7, kept


def test_ways_of_several_steps(source, tmp_path, monkeypatch):
    rng = random.Random(7)
    ran = 0
    for _ in range(13 * int(os.environ.get("KAGURAZAKA_FUZZ_SEEDS", "12"))):
        chain = [rng.randrange(len(FLOWS)) for _ in range(rng.randrange(2, 5))]
        ran += bool(list(check(chain, source, tmp_path / "flowing.py", monkeypatch)))
    assert ran > 100
