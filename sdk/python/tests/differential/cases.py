"""The table of differential tests: each task file is run twice by the original and twice by ours.

A case names a file of tests/tasks, a task in it, and what it is given. Both sides run in a folder of their own that `tree`
fills; results are the files under out/, how often process() was called (tasks append to the file $CALLS), and the class of
the exit code. Where the original has a bug, `wanted` says what ours does instead, and `why` which one it is.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from typing import Any, Callable, Optional


@dataclasses.dataclass
class Wanted:
    """What ours does where that is not what the original does. None: as the original."""

    outputs: Optional[dict[str, str]] = None
    # Calls of process() in the first and second run.
    calls: Optional[tuple[int, int]] = None
    # Exit codes of the first and second run.
    exit: Optional[tuple[int, int]] = None


@dataclasses.dataclass
class Case:
    name: str
    file: str
    task: str
    args: tuple[str, ...] = ()
    # Words in front of the file, and between it and the task.
    front: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    # Commands of ours that make what both sides are given. A word that is the file's name becomes its path.
    before: tuple[tuple[str, ...], ...] = ()
    mixin: tuple[str, ...] = ()
    cfg: str = ""
    mixin_cfg: str = ""
    # Flags of the host or backbone.
    flags: tuple[str, ...] = ()
    tree: Callable[[pathlib.Path], None] = lambda folder: None
    stdin: str = ""
    # False: the original is not run, since it hangs or says nothing that could be compared.
    original: bool = True
    # False: outputs are not compared.
    outputs: bool = True
    wanted: Wanted = dataclasses.field(default_factory=Wanted)
    why: str = ""


def write(path: pathlib.Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def flat(folder: pathlib.Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt", "UPPER.TXT", "p.JPEG", "q.jpg", "skip.md"):
        write(folder / "in" / name, name)


def nested(folder: pathlib.Path) -> None:
    flat(folder)
    for name in ("sub/1.txt", "sub/2.txt", "sub/3.txt", "sub/deep/4.txt", "sub/deep/er/5.TXT", "with space/ü é.txt", ".hidden/h.txt"):
        write(folder / "in" / name, name)
    write(folder / "in" / ".dot.txt")
    write(folder / "in" / "new\nline.txt")
    write(folder / "in" / os.fsdecode(b"bad\xff.txt"))
    write(folder / "in" / "quote'\"\\.txt")
    write(folder / "other" / "linked.txt")
    (folder / "in" / "link").symlink_to(folder / "other")
    (folder / "in" / "sub" / "dangling.txt").symlink_to("nowhere")
    (folder / "in" / "empty").mkdir()


def nested_files(folder: pathlib.Path) -> None:
    """Without links, which hard links are not made of."""
    nested(folder)
    (folder / "in" / "link").unlink()
    (folder / "in" / "sub" / "dangling.txt").unlink()


def empty_output(folder: pathlib.Path) -> None:
    flat(folder)
    write(folder / "out" / "a.txt.o", "")


def begun(folder: pathlib.Path) -> None:
    """Outputs that an earlier run has begun, or finished."""
    flat(folder)
    write(folder / "out" / "a.txt.o", "old")
    write(folder / "out" / "b.txt.o", "long enough")


def counted(folder: pathlib.Path) -> None:
    flat(folder)
    write(folder / "out" / "a.txt.o", "41")


def after_first(folder: pathlib.Path) -> None:
    """What the task First leaves."""
    flat(folder)
    for path in (folder / "in").iterdir():
        write(folder / "out" / path.name / "a.txt", "a of " + path.name)


def elsewhere(folder: pathlib.Path) -> None:
    """A part of the outputs is on another file system, which links lead to."""
    flat(folder)
    for name in ("1.txt", "2.txt"):
        write(folder / "in" / "sub" / name, name)
    other = pathlib.Path(tempfile.mkdtemp(prefix="differential-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    atexit.register(shutil.rmtree, other, ignore_errors=True)
    (folder / "out").mkdir()
    (folder / "out" / "sub").symlink_to(other)


def python_files(folder: pathlib.Path) -> None:
    for name in ("one.py", "two.py", "three.txt"):
        write(folder / "in" / name)


def hard(folder: pathlib.Path) -> None:
    for i in range(20):
        write(folder / "in" / "007" / "pictures" / f"{i:02}.txt")
    write(folder / "in" / "1" / "pictures" / "no.txt")


def sub(folder: pathlib.Path) -> None:
    for name in ("1.txt", "2.txt", "3.txt", "44.txt"):
        write(folder / "in" / "sub" / name)


def outdated(folder: pathlib.Path) -> None:
    """Inputs at three depths, of which one has an output that is older."""
    sub(folder)
    write(folder / "in" / "top.txt")
    write(folder / "in" / "sub" / "deep" / "5.txt")
    write(folder / "out" / "top.txt.o", "older")
    os.utime(folder / "out" / "top.txt.o", (1, 1))


def lines(folder: pathlib.Path) -> None:
    items = [{"i": i, "text": "é\u2028", "nested": {"input": [1.5, None, True]}, "big": 10**20} for i in range(10)]
    write(folder / "items.jsonl", "\n".join(json.dumps(item) for item in items) + "\n")


def triplets(folder: pathlib.Path) -> None:
    items = [{"input": {"path": f"/data/{i}", "rel_dir": f"r/{i % 2}", "file_name": f"{i}", "more": 1}} for i in range(5)]
    write(folder / "list.jsonl", "\n".join(json.dumps(item) for item in items))


def repeated_lines(folder: pathlib.Path) -> None:
    """The same line twice, and a line that a listing of level 0 wrote."""
    items = [
        {"input": {"path": f"/data/{name}", "rel_dir": rel_dir, "file_name": name}}
        for rel_dir, name in ((".", "a"), (".", "b"), (".", "a"), ("..", "c"))
    ]
    write(folder / "list.jsonl", "\n".join(json.dumps(item) for item in items))


def lines_that_lead_out(folder: pathlib.Path) -> None:
    items = [{"input": {"path": f"/data/{i}", "rel_dir": rel_dir, "file_name": f"{i}"}} for i, rel_dir in enumerate((".", "a/../..", "a"))]
    write(folder / "list.jsonl", "\n".join(json.dumps(item) for item in items))


def lines_below_out(folder: pathlib.Path) -> None:
    items = [{"input": {"path": f"in/{i}.txt", "rel_dir": f"out/{i % 2}", "file_name": f"{i}.txt"}} for i in range(5)]
    write(folder / "list.jsonl", "\n".join(json.dumps(item) for item in items))


def answers(folder: pathlib.Path) -> None:
    write(folder / "answers.txt", "--size\n5\nword\n")
    write(folder / "in" / "a.txt")


def typed_folders(folder: pathlib.Path) -> None:
    write(folder / "photos #2" / "a.txt")


PATHS = ("hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out")


def parsed(**values: Any) -> str:
    known = dict(
        cache=True, flag=False, mode="slow", n=None, names=[], path=None, prompts=None, ratio=None, rest=[], size=1, tag=None, v=0
    )  # fmt: skip
    return repr(sorted({**known, **values}.items()))


def all_done(count: int, skip: int = -1) -> dict[str, str]:
    return {str(i): "done" for i in range(count) if i != skip}


CASES = [
    # -- plain tasks: items, state, module
    Case("list", "plain_list.py", "Squares"),
    Case("list with an argument", "plain_list.py", "Squares", ("--count", "5")),
    Case("a list with its own iterator", "plain_list.py", "OfItsOwnList"),
    Case("list in big chunks", "plain_list.py", "Squares", ("--count", "3000"), flags=("--chunksize", "64")),
    Case("one process keeps the order", "in_order.py", "InOrder", flags=("--num_process", "1")),
    Case("generator", "generator.py", "Yields"),
    Case("exact types in a list", "exact_types.py", "Exact"),
    Case("exact types from a stream", "exact_types.py", "Exact", ("stream",)),
    Case("what init and listing made is inherited", "inherited_state.py", "State"),
    Case("a queue that was used before", "multiprocess.py", "Queued"),
    Case("a manager that was talked to before", "multiprocess.py", "Managed"),
    Case("children of the process that listed", "multiprocess.py", "Named"),
    Case("the module itself", "module_itself.py", "Names"),
    Case("a file called like a standard module", "odd_names/random.py", "Named", original=False,
         wanted=Wanted({str(i): "" for i in range(3)}, (0, 0), (0, 0)), why="the file is imported in the module's place"),
    Case("sharing inside an item", "shared_items.py", "Shared"),
    Case("what items share is changed", "shared_items.py", "Changed"),
    Case("what items of a stream share is changed", "shared_items.py", "Changed", ("stream",)),
    Case("nothing to do", "shared_items.py", "Nothing"),
    Case("lambdas in a list", "shared_items.py", "Lambdas", original=False,
         wanted=Wanted({str(i): str(i * 10) for i in range(3)}, (3, 3), (0, 0)), why="items of unpicklable types"),
    Case("lambdas in a stream", "shared_items.py", "Lambdas", ("stream",), original=False,
         wanted=Wanted({str(i): str(i * 10) for i in range(3)}, (3, 3), (0, 0)), why="items of unpicklable types"),
    Case("classes of the task file in a list", "modern.py", "Jobs", original=False,
         wanted=Wanted({str(i): f"Job(number={i}, name='job', tags={['t'] * i})" for i in range(5)}, (5, 5), (0, 0)),
         why="from __future__ import annotations with dataclasses; classes of the file in items"),
    Case("classes of the task file in a stream", "modern.py", "Jobs", ("stream",), original=False,
         wanted=Wanted({str(i): f"Job(number={i}, name='job', tags={['t'] * i})" for i in range(5)}, (5, 5), (0, 0)),
         why="from __future__ import annotations with dataclasses; classes of the file in items"),
    Case("__call__ overridden", "own_call.py", "Called"),
    Case("neither base", "neither_base.py", "Neither", ("--any", "thing"), flags=("--backbone", "mp")),
    Case("stdin", "reads_stdin.py", "Lines", stdin="one\ntwo\nthree\n"),
    Case("noise on stdout", "noisy.py", "Noisy"),
    # -- arguments
    Case("all kinds of arguments", "arguments.py", "Parsed",
         ("--size", "3", "--ratio=1e-3", "--flag", "--no-cache", "--prompts", '{"a": [1, "b c"]}', "--mode", "fast", "--path",
          "a b", "--tag", "x", "--tag", "y", "-vv", "--names", "n 1", "n2")),
    Case("positional arguments", "arguments.py", "Parsed", ("one", "two three", "--size", "2")),
    Case("a wrong argument", "arguments.py", "Parsed", ("--size", "many")),
    Case("an unknown argument", "arguments.py", "Parsed", ("--colour", "red")),
    Case("parse_known_args", "arguments.py", "Known", ("--size", "3", "--unknown", "1", "x")),
    Case("no argparse", "arguments.py", "Raw", ("--free", "form", "--x=1", "y")),
    Case("cfg gives arguments", "arguments.py", "Parsed",
         cfg="task:\n  size: 7\n  flag: store_true\n  prompts: {a: {b: [1, 2]}}\n  mode: fast\nbackbone:\n  num_process: 1\nmixin: {}\n"),
    Case("cfg in YAML 1.1 words", "arguments.py", "Raw",
         cfg="backbone:\n  num_process: 2\ntask:\n  ka: yes\n  kb: 007\n  kc: 1_000\n  kd: 1e3\n  ke: 2020-01-02\n  kf: off\n  kg: null\n  w: '1'\nmixin: {}\n"),
    Case("cfg interpolates", "arguments.py", "Raw",
         cfg="base: data\ntask:\n  path: ${base}/x\n  script: ${oc.env:CASE_WORD,none}\n  again: ${.path}\nmixin: {}\n"),
    Case("cfg without mixin", "arguments.py", "Parsed", cfg="task:\n  size: 7\n",
         original=False, wanted=Wanted({"arguments": parsed(size=7)}, (1, 1), (0, 0)), why="a cfg without a mixin section crashes"),
    Case("the command line beats cfg", "arguments.py", "Parsed", ("--size", "3"), cfg="task:\n  size: 7\nmixin: {}\n",
         wanted=Wanted({"arguments": parsed(size=3)}), why="YAML beats the command line"),
    Case("lists in cfg", "arguments.py", "Parsed", cfg="task:\n  names: [a, b c]\nmixin: {}\n",
         original=False, wanted=Wanted({"arguments": parsed(names=["a", "b c"])}, (1, 1), (0, 0)), why="lists in cfg crash"),
    Case("no abbreviations of backbone flags", "arguments.py", "Parsed", ("--n", "5"),
         wanted=Wanted({"arguments": parsed(n=5)}), why="--n is swallowed as --num_process"),
    # -- command lines, judged by the task's own parser
    *(Case(f"command line: {task} {' '.join(args)}"[:70], "command_lines.py", task, args, tree=answers) for task, *args in (
        ("Cased", "--mode", "FAST"), ("Cased", "--mode=Slow", "--level", "high"), ("Cased", "--mode", "SLOWEST"), ("Cased", "--level", "1"),
        ("Cased", "--version"), ("Cased", "-V"), ("Cased", "--mode", "FAST", "--vers"),
        ("Words", "--a", "1", "--", "--b", "-c", "d"), ("Words", "x", "--", "--num_process", "1"), ("Words", "--", "x", "--a", "3"),
        ("Words", "-x"), ("Words", "x", "--a", "1", "y"), ("Words", "--a", "1", "x y", ""),
        ("Long", "--limit", "5"), ("Long", "--limit=5", "--learn", "1e-3"), ("Long", "-lr", ".5"), ("Long", "-lr=.5"), ("Long", "--l", "5"),
        ("Long", "--grace"), ("Long", "--log", "x"), ("Long", "--graceful=1"),
        ("Strict", "--limit_siz", "5"), ("Strict", "-xyn5"), ("Strict", "-xn", "-5"), ("Strict", "-n=5"), ("Strict", "-xz"),
        ("Named", "--progress", "--grace", "3", "--item-timeout", "9", "--retry-delay", "2", "--python", "yes", "--version"),
        ("Named", "--env", "a", "b", "--retries=4", "--resume", "--run-dir", "here", "-v", "-q", "5", "--start_method", "warm"),
        ("Named", "--verb", "--item", "3"), ("Named", "-vq5"), ("Named", "--device", "mine"), ("Named", "--start_method", "fork"),
        ("Sub", "train", "--epochs", "3", "a", "b"), ("Sub", "--root", "1", "check", "--chunk_size", "4"), ("Sub",), ("Sub", "trian"),
        ("Sub", "test", "--chunk_s", "4"), ("Sub", "train", "--progress", "--grace", "3"), ("Sub", "train", "--root", "1"),
        ("FromFile", "@answers.txt"), ("FromFile", "@missing.txt"), ("FromFile", "--size", "1", "@answers.txt", "--", "@answers.txt"),
        ("Parents", "--common", "x", "--tag", "a", "--tag=b", "--more", "1", "2", "--more", "3", "-ccc", "--no-both"),
        ("Parents", "--common", "x", "--one", "--two"), ("Parents", "--one"), ("Parents", "--common", "x", "--pair", "-1", "-2.5e3", "--maybe"),
        ("Parents", "--comm=x", "--no-bo", "--pair=1"), ("Parents", "--common=-x", "--maybe", "given", "--both"), ("Parents", "--common", "-x"),
        ("Rest", "--a", "1", "run", "--a", "2", "-b", "--", "c"), ("Rest", "run", "--progress", "bar"), ("Rest", "--a", "1"),
        ("Negative", "--shift", "-3.5", "-n", "-4", "-1", "-2"), ("Negative", "-n-4"), ("Negative", "-n5", "7"), ("Negative", "--text", "-dash"),
        ("Negative", "--text=-dash", "-5"), ("Negative", "--text", "-dash and blank"), ("Negative", "--text", "-1e5"), ("Negative", "-x5"),
        ("Digits", "-1", "--text", "a"), ("Digits", "--text", "-1"), ("Digits", "--text", "-2"),
        ("OwnType", "+plus", "3", "--split", "a 'b c'", "--pair", "3x4"), ("OwnType", "--pair", "3-4"),
        ("TwoParsers", "--chunk_size", "3", "--config", "c"), ("TwoParsers", "--chunk_sise", "3"),
        ("Intermixed", "a", "--a", "1", "2", "3"), ("ByHand", "--x", "-y=1", "--", "z", "--"), ("ByHand", "--", "--x"), ("ByHand", "-5", "", "--"),
        ("Vector", "--n_it", "5"), ("Shaped", "--mode", "slow"), ("Shaped", "--mode", "other"),
    )),
    # -- command lines with names of flags that 0.1.1 had not: those of the task stay the task's, wherever they stand
    *(Case(f"names of newer flags: {' '.join((*front, 'FILE', *between, task, *args))}"[:70], "command_lines.py", task, args, front, between, tree=answers)
      for front, between, task, args in (
        ((), (), "Chosen", ("--limit", "5")),
        ((), (), "Chosen", ("--limit=5", "--item", "#1", "--item", "a*", "x")),
        ((), (), "Chosen", ("--shard", "0/2", "--manifest", "m", "--", "--limit", "3")),
        ((), (), "Chosen", ("--shard", "auto", "x", "--files-from", "-", "y")),
        ((), (), "Chosen", ("-0",)),
        ((), (), "Chosen", ("x", "-0", "--files-from", "a", "b", "-0")),
        ((), (), "Chosen", ("--lim", "5", "--it=3", "--man", "x", "--files", "x", "--sh", "1/2")),
        ((), (), "Chosen", ("--limit", "many")),
        ((), (), "Chosen", ("--item",)),
        (("--limit=5",), (), "Chosen", ("--item", "3")),
        (("--item=a", "--shard=x"), ("--item=b",), "Chosen", ("--item", "c")),
        ((), ("--limit=5", "--manifest=m", "--files-from"), "Chosen", ()),
        (("--files-from=-",), ("--shard=0/9",), "Chosen", ("-0",)),
        (("--lim=5",), ("--man=m",), "Chosen", ()),
        ((), (), "ByHand", ("--", "--shard", "0/2", "--manifest", "m", "--files-from", "f", "-0", "--limit=5", "--item")),
        ((), (), "ByHand", ("--lim", "5", "--item_s", "--shards=3")),
        ((), (), "Rest", ("--a", "1", "run", "--limit", "5", "-0", "--item", "#1", "--shard=1/2")),
        ((), (), "Rest", ("run", "--manifest", "m", "--files-from", "-")),
        (("--limit=5",), (), "Long", ()),
        ((), ("--limi=5",), "Long", ("--log", "x")),
        ((), (), "Negative", ("-0",)),
        ((), (), "Negative", ("--shift", "-0", "-n", "-0", "-0", "-1")),
        ((), (), "Words", ("-0",)),
        ((), (), "Digits", ("-0",)),
        ((), (), "Sub", ("train", "--limit", "x")),
        ((), (), "Strict", ("--limi", "5")),
        # Which files: the task's own flags, and words that are the task's or nobody's.
        ((), (), "Folders", ("--input", "a", "-i", "3", "-o", "b", "c", "--dry-run")),
        ((), (), "Folders", ("--include", "a*", "--include=b", "--exclude", "c", "--output", "d")),
        ((), (), "Folders", ("--inp", "a", "--dry", "--incl=x", "--outp", "b")),
        (("--input=a",), ("--exclude=b",), "Folders", ("-i", "5")),
        ((), (), "Folders", ("-i", "many")),
        ((), (), "Folders", ("in", "out")),
        ((), (), "ByHand", ("--input", "a", "-o", "b", "--output=c", "-i", "d")),
        ((), (), "ByHand", ("in", "out")),
        ((), (), "SecondFolders", ("--input", "a", "-o", "b", "--dry-run", "in", "out")),
        ((), (), "Words", ("in", "out")),
        ((), (), "Chosen", ("in", "out")),
        ((), (), "Rest", ("in", "--input", "a", "-o", "b", "--dry-run")),
        ((), (), "Long", ("in", "out")),
    )),
    Case("extra words", "command_lines.py", "Shaped", ("in", "elsewhere"), tree=flat),
    Case("words for a task without a constructor", "placeholders.py", "HalfOfIt", ("in", "elsewhere"), tree=flat, wanted=Wanted({}, (0, 0), (2, 2)),
         why="it takes no arguments, and the words are lost silently"),
    Case("words for one folder of two", "placeholders.py", "Nested", ("in", "elsewhere"), tree=flat, mixin=("hard_shard_mode.output_path=out",)),
    # A task without such an argument: the flag is the host's.
    *(Case(f"newer flags: {' '.join((*front, 'FILE', *between, task, *args))}"[:70], "command_lines.py", task, args, front, between,
           tree=flat if task == "Shaped" else answers, original=False, outputs=False, wanted=Wanted(None, calls, exits), why="0.1.1 does not have the flag")
      for front, between, task, args, calls, exits in (
        (("--limit", "3"), (), "Shaped", ("--mode", "slow"), (3, 3), (0, 0)),
        ((), ("--limit", "3"), "Shaped", ("--mode", "slow"), (3, 3), (0, 0)),
        ((), (), "Shaped", ("--limit", "3", "--mode", "slow"), (3, 3), (0, 0)),
        (("--item", "[ab].txt"), ("--item=c.txt",), "Shaped", ("--item", "d.txt"), (4, 0), (0, 0)),
        (("--shard", "0/2"), (), "Shaped", (), (4, 0), (0, 0)),
        ((), (), "Shaped", ("--shard=1/2", "--mode=fast"), (4, 0), (0, 0)),
        ((), ("--shard", "0/2"), "Words", ("--a", "1"), (1, 1), (0, 0)),
        ((), (), "Words", ("x", "--shard", "1/2", "y"), (0, 0), (0, 0)),
        ((), (), "TwoParsers", ("--limit", "1", "--chunk_size", "3"), (0, 0), (2, 2)),
        (("--kg-limit", "1"), ("--limit", "7"), "Chosen", ("--kg-item=#1", "--item", "x"), (1, 1), (0, 0)),
        (("--kg-limit", "1"), (), "ByHand", ("--", "--limit", "7"), (1, 1), (0, 0)),
        (("--limit", "1"), (), "ByHand", ("x",), (1, 1), (0, 0)),
        (("--kg-debug",), (), "Words", ("x",), (1, 1), (0, 0)),
        ((), ("--kg-debug=on",), "Words", (), (1, 1), (0, 0)),
        ((), (), "Words", ("--kg-debug", "x"), (1, 1), (0, 0)),
        ((), (), "Words", ("--kg-debug=off",), (0, 0), (2, 2)),
        ((), (), "Words", ("--limit", "-1", "--item", "#0", "--shard", "2/2"), (0, 0), (2, 2)),
        (("-0",), (), "Words", ("x",), (0, 0), (2, 2)),
    )),
    *(Case(f"--kg-debug is the host's: {' '.join((*front, 'FILE', *between, task, *args))}"[:70], "command_lines.py", task, args, front, between, tree=answers,
           wanted=Wanted({"arguments": f"[{made}]"}, (1, 1), (0, 0)), why="--kg-NAME always means the host's")
      for front, between, task, args, made in (
        (("--kg-debug",), (), "ByHand", ("x",), "('args', ['x'])"),
        ((), ("--kg-debug",), "ByHand", ("--kg-debug", "x"), "('args', ['x'])"),
        ((), (), "ByHand", ("x", "--kg-debug=on", "--", "--kg-debug"), "('args', ['x', '--', '--kg-debug'])"),
        ((), (), "Chosen", ("--kg-debug", "x"), "('files_from', None), ('item', None), ('kg_debug', None), ('limit', None), ('manifest', None), ('rest', ['x']), ('shard', None), ('zero', False)"),
    )),
    # Nobody knows whose the flag is, so it is an error with both spellings.
    *(Case(f"doubtful flags: FILE ByHand {' '.join(args)}", "command_lines.py", "ByHand", args, tree=answers, wanted=Wanted({}, (0, 0), (2, 2)),
           why="a task whose arguments are not known gets flags that choose items behind --")
      for args in (("--limit", "1"), ("--item=x",), ("--shard", "0/2"), ("--manifest", "m"), ("--files-from", "f"), ("-0",))),
    Case("names of newer flags in cfg", "command_lines.py", "Chosen", cfg="task:\n  limit: 5\n  item: x\n  shard: 0/2\n  manifest: m\n  files-from: f\nmixin: {}\n"),
    Case("abbreviations in cfg", "command_lines.py", "Long", cfg="task:\n  limit: 5\n  learn: 0.5\nmixin: {}\n"),
    Case("case in cfg", "command_lines.py", "Cased", cfg="task:\n  mode: FAST\nmixin: {}\n"),
    Case("hyphens are underscores", "command_lines.py", "Long", ("--limit-size", "5", "--learning_rate=1"),
         wanted=Wanted({"arguments": "[('graceful', False), ('learning_rate', 1.0), ('limit_size', 5), ('log_level', None)]"}, (1, 1), (0, 0)),
         why="--limit-size is no --limit_size"),
    Case("text in cfg", "command_lines.py", "Negative", cfg="task:\n  text: 0123\nmixin: {}\n",
         wanted=Wanted({"arguments": "[('n', None), ('offsets', []), ('shift', None), ('text', '0123')]"}), why="YAML makes 83 of it"),
    Case("a word behind --mixin is null", "by_exts.py", "Copy", tree=flat, mixin=(*PATHS, "finish_check_mode.output_field_suffix")),
    Case("a path is what was typed", "inputs.py", "Glob", tree=typed_folders, original=False,
         mixin=("input_mode.glob_pattern=*.txt", "hard_shard_mode.input_path=photos #2", "hard_shard_mode.output_path=out"),
         wanted=Wanted(None, None, (0, 0)), outputs=False, why="photos #2 is photos"),
    Case("no arguments without a constructor", "shared_items.py", "Shared", ("--num_proces", "1"), original=False,
         wanted=Wanted({}, (0, 0), (2, 2)), why="unknown flags are swallowed"),
    Case("a typo of a flag of the host", "arguments.py", "Known", ("--num_proces", "1"), original=False,
         wanted=Wanted({}, (0, 0), (2, 2)), why="unknown flags are swallowed"),
    # -- factories and mixins
    Case("a function makes the task", "made_by_function.py", "make", mixin=("a=1", "b.c=true", "d=[.png,.jpg]", "e=null", "f='1'", "g=a=b=c", "h=")),
    Case("mixin files", "made_by_function.py", "make", mixin=("x.a=3",), mixin_cfg="x:\n  a: 2\n  b: 2\n", cfg="mixin:\n  x: {a: 1, b: 1, c: 1}\n  y: [1, 2]\n"),
    Case("keys and values that JSON has no form for, to a function", "made_by_function.py", "make",
         cfg="mixin:\n  m: {1: a, 1.5: b, true: c, x: .nan}\n  v: [.inf, -.inf, !!binary aGVsbG8=, '\\???']\n"),
    Case("keys and values that JSON has no form for, in an own mode as it is", "exact_values.py", "Values"),
    Case("keys and values that JSON has no form for, to an own mode", "exact_values.py", "Values",
         cfg="mixin:\n  input_mode:\n    labels: {1: bird, 2: fish, true: bee}\n    threshold: .nan\n"),
    Case("two --mixin", "made_by_function.py", "make", flags=("--mixin", "a=1", "--mixin", "b=2"),
         wanted=Wanted({"mixin": "{'a': 1, 'b': 2}"}), why="a second --mixin replaces the first"),
    Case("a function with a template", "made_by_function.py", "with_template", mixin=("exts=[.txt]", "ext=.made"), tree=flat),
    # -- templates: inputs
    Case("by extension", "by_exts.py", "Copy", mixin=PATHS, tree=flat),
    Case("by extension, nested", "by_exts.py", "Copy", ("--text", "two words"), mixin=PATHS, tree=nested),
    Case("by extension, from anywhere", "by_exts.py", "Copy", tree=nested,
         mixin=("hard_shard_mode.input_path=./in/../in/sub/", "hard_shard_mode.output_path=out/deep//er/")),
    Case("mixin changes modes", "by_exts.py", "Copy", mixin=(*PATHS, "input_mode.exts=[.md]", "output_mode.ext=.changed"), tree=nested),
    Case("by glob", "inputs.py", "Glob", mixin=('input_mode.glob_pattern="*.txt"',), tree=flat),
    Case("by glob in folders", "inputs.py", "Glob", mixin=('input_mode.glob_pattern="*/*.txt"',), tree=nested),
    Case("by glob with two stars", "inputs.py", "Glob", mixin=('input_mode.glob_pattern="**/*.txt"',), tree=nested),
    Case("by glob without quotes", "inputs.py", "Glob", mixin=("input_mode.glob_pattern=*.txt",), tree=sub, original=False,
         wanted=Wanted({}, (0, 0), (0, 0)), why="a pattern is what was typed; to YAML * begins an alias"),
    Case("by glob in folders without quotes", "inputs.py", "Glob", mixin=("input_mode.glob_pattern=*/[12].txt",), tree=sub, original=False,
         wanted=Wanted({f"base/sub/{i}.txt.o": f"in/sub/{i}.txt sub {i}.txt sub" for i in (1, 2)}, (2, 0), (0, 0)),
         why="a pattern is what was typed; to YAML * begins an alias"),
    Case("by sub-directory", "inputs.py", "Folders", mixin=("input_mode.sub_directory_level=1",), tree=nested),
    Case("by sub-directory, level 0", "inputs.py", "Folders", mixin=("input_mode.sub_directory_level=0",), tree=nested),
    Case("by sub-directory, level 2", "inputs.py", "Folders", mixin=("input_mode.sub_directory_level=2",), tree=nested),
    Case("from triplet lines", "inputs.py", "Lines", tree=triplets),
    Case("from lines that are there twice, or lead up", "inputs.py", "Lines", tree=repeated_lines),
    Case("from lines that lead out", "inputs.py", "Lines", tree=lines_that_lead_out,
         wanted=Wanted(outputs={"base/0.o": "/data/0 . 0 .", "base/a/2.o": "/data/2 a 2 a"}, calls=(2, 0), exit=(3, 3)),
         why="a line's output stays in the output folder"),
    Case("from whatever lines", "whatever_lines.py", "Anything", tree=lines),
    Case("to_jsonl and back", "to_lines.py", "FromLines", tree=sub),
    Case("the task lists itself", "own_listing.py", "Lists"),
    Case("the task yields itself", "own_listing.py", "Yields",
         original=False, wanted=Wanted({f"d{i % 2}/{i}.o": f"{i} /x/{i} d{i % 2}" for i in (1, 4, 7)}, (3, 3), (0, 0)),
         why="a generator under a template crashes"),
    Case("only shards", "own_listing.py", "OnlyShards"),
    # -- lists and folders that ours makes
    Case("export", "from_lists.py", "List", tree=nested, before=(("export", "from_lists.py", "Copy", "--out", "list.jsonl"),)),
    Case("export of what is to do", "from_lists.py", "List", tree=begun, before=(("export", "from_lists.py", "Copy", "--state", "todo", "--out", "list.jsonl"),)),
    Case("export of what is done", "from_lists.py", "List", tree=begun, mixin=("hard_shard_mode.output_path=out/again",),
         before=(("export", "from_lists.py", "Copy", "--state", "done", "--out", "list.jsonl"),)),
    Case("export of a run", "from_lists.py", "List", tree=nested, mixin=("hard_shard_mode.output_path=out",), before=(
         ("from_lists.py", "Copy", "--run-dir", "ledger", "--mixin", "hard_shard_mode.output_path=first"),
         ("export", "from_lists.py", "Copy", "--from", "ledger", "--out", "list.jsonl", "--mixin", "hard_shard_mode.output_path=first"))),
    Case("export of some items", "from_lists.py", "List", tree=nested,
         before=(("export", "from_lists.py", "Copy", "--item", "*[1-5].*", "--item", "#2", "--out", "list.jsonl"),)),
    *(Case(f"manifest {number} by {by}", "from_lists.py", "Part", tree=nested, mixin=(f"input_mode.jsonl_path=parts/0000{number}-of-00003.jsonl",),
           before=(("shard", "from_lists.py", "Copy", "--shards", "3", "--by", by, "--out", "parts"),))
      for by in ("index", "hash", "size") for number in range(3)),
    *(Case(f"all manifests by {by}", "from_lists.py", "Manifests", tree=nested, wanted=Wanted(exit=(0, 0)),
           before=(("shard", "from_lists.py", "Copy", "--shards", "5", "--by", by, "--out", "parts"),)) for by in ("index", "hash", "size")),
    Case("all manifests by time", "from_lists.py", "Manifests", tree=nested, wanted=Wanted(exit=(0, 0)), before=(
         ("from_lists.py", "Copy", "--run-dir", "ledger", "--mixin", "hard_shard_mode.output_path=first"),
         ("shard", "from_lists.py", "Copy", "--shards", "5", "--by", "time", "--from", "ledger", "--out", "parts", "--mixin", "hard_shard_mode.output_path=first"))),
    *(Case(f"hard links, part {number} by {by}", "from_lists.py", "Hard", tree=nested_files, mixin=(f"hard_shard_mode.shard_idx={number}",),
           before=(("shard", "--layout", "hard", "in", "base", "--shards", "3", "--by", by),)) for by in ("index", "hash", "size") for number in range(3)),
    *(Case(f"hard links, all parts by {by}", "from_lists.py", "Folders", tree=nested_files, wanted=Wanted(exit=(0, 0)),
           before=(("shard", "--layout", "hard", "in", "base", "--shards", "3", "--by", by),)) for by in ("index", "hash", "size")),
    Case("hard links that were taken back", "from_lists.py", "Copy", tree=nested_files,
         before=(("shard", "--layout", "hard", "in", "base", "--shards", "3"), ("shard", "--layout", "hard", "in", "base", "--undo"))),
    # -- modes of the user's own with the names of newer ones
    *(Case(f"own names: {name}", "own_names.py", name, tree=nested_files) for name in ("Group", "Subfolders", "Names", "Tar", "Merge", "OutTar")),
    Case("own names: a mixin of InputByGroup", "own_names.py", "Group", tree=nested_files, mixin=("input_mode.files=3", "input_mode.ending=.txt")),
    Case("own names: a mixin of InputFromList", "own_names.py", "Names", tree=nested_files, mixin=("input_mode.path=[c.txt]", "input_mode.null=true")),
    Case("own names: a mixin of InputByTar", "own_names.py", "Tar", tree=nested_files, mixin=("input_mode.keys=x", "input_mode.glob='*.tar'")),
    Case("own names: a mixin of OutputByTar", "own_names.py", "OutTar", tree=nested_files, mixin=("output_mode.size=x", "output_mode.count=9")),
    # -- templates: shards
    Case("hard and soft shards", "hard_shards.py", "Sharded", mixin=("hard_shard_mode.shard_idx='007'",), tree=hard),
    Case("subshard of an int", "hard_shards.py", "Sharded", tree=hard, mixin=("hard_shard_mode.shard_idx='007'", "soft_shard.shard_idx=1"),
         original=False,
         # i % 4 == 1 gets the index i // 4 + 1, of which the odd ones are in the subshard.
         wanted=Wanted({f"007/made/{i:02}.txt.o": f"in/007/pictures/./{i:02}.txt" for i in (1, 9, 17)}, (3, 3), (0, 0)),
         why="a subshard of an int shard_idx crashes"),
    # -- templates: outputs and finish checks
    Case("subfolders with a suffix", "subfolders.py", "Suffixed", tree=nested),
    Case("subfolders without a suffix", "subfolders.py", "WholeFolder", tree=sub, original=False,
         wanted=Wanted({f"sub/{n}.txt/{file}": text.format(n=n) for n in (1, 2, 3, 44) for file, text in (
             ("test.txt", "sub/{n}.txt test.txt sub {n}.txt"), ("more.txt", "sub/{n}.txt more.txt sub {n}.txt"), ("deep/er/x", ""))},
             (4, 0), (0, 0)),
         why="a folder output without suffix always counts as finished"),
    Case("the page's example", "subfolders.py", "PageExample", tree=python_files, mixin=PATHS,
         cfg="mixin:\n  finish_check_mode:\n    output_field_suffix: test\n", mixin_cfg="output_mode:\n  file_to_write:\n    test: test.txt\n"),
    Case("files beside the output", "beside.py", "Beside", tree=nested),
    # -- outputs in place
    Case("a file beside all outputs", "direct.py", "Labels", tree=flat, flags=("--num_process", "1")),
    Case("appending to what is there", "direct.py", "Appends", tree=begun),
    Case("a checkpoint in the output's place", "direct.py", "Checkpoint", tree=counted),
    Case("what another task has written", "direct.py", "Second", tree=after_first),
    Case("the output's path is recorded", "direct.py", "Recorded", tree=flat),
    Case("the output is replaced", "direct.py", "Replaced", tree=flat),
    Case("a relative link", "direct.py", "Linked", tree=flat),
    Case("a hard link", "direct.py", "Hard", tree=flat),
    Case("outputs on another file system", "direct.py", "Replaced", tree=elsewhere),
    Case("links to another file system", "direct.py", "Hard", tree=elsewhere),
    Case("own check of the input", "own_check.py", "OfInput", tree=flat),
    Case("own check of the output", "own_check.py", "OfOutput", tree=sub, original=False,
         wanted=Wanted({f"sub/{n}.txt.o": f"in/sub/{n}.txt" for n in (1, 2, 3, 44)}, (4, 0), (0, 0)),
         why="output never reaches the task's own is_executed"),
    Case("no check at all, in a template", "own_check.py", "Without", tree=sub, original=False,
         wanted=Wanted({f"sub/{n}.txt.o": f"in/sub/{n}.txt" for n in (1, 2, 3, 44)}, (4, 4), (0, 0)),
         why="a task without is_executed raises"),
    Case("__call__ overridden in a template", "own_call.py", "CalledInTemplate", tree=nested),
    Case("a base with arguments and a template", "inherited_template.py", "Task", ("--more", "3"), mixin=PATHS, tree=flat),
    # -- templates: the decorator's own arguments, placeholders
    Case("mixin_mode=False", "decorator_modes.py", "AtOnce", tree=flat),
    Case("a class derived from a decorated one", "decorator_modes.py", "Derived", tree=flat),
    Case("apply=False", "decorator_modes.py", "NotAtAll"),
    Case("a decorated task called by hand", "decorator_modes.py", "by_hand", tree=flat),
    Case("a placeholder left over", "by_exts.py", "Copy", mixin=PATHS[:1], tree=flat),
    Case("placeholders in a nested dataclass", "placeholders.py", "Nested", tree=sub, original=False,
         mixin=(*PATHS, "output_mode.ext=.o", "soft_shard.subshard.shard_idx=[0,1]", "soft_shard.subshard.shard_num=2"),
         wanted=Wanted({f"sub/{n}.txt.o": f"in/sub/{n}.txt" for n in (1, 2, 3, 44)}, (4, 0), (0, 0)),
         why="a dataclass inside a dataclass is replaced by a dict"),
    Case("a placeholder in a list", "placeholders.py", "InList", tree=sub, original=False,
         wanted=Wanted({}, (0, 0), (2, 2)), why="placeholders inside lists go unnoticed"),
    Case("a field set to null", "placeholders.py", "HalfOfIt", tree=sub, mixin=("soft_shard=null",),
         wanted=Wanted({f"sub/{n}.txt.o": f"in/sub/{n}.txt" for n in (1, 2, 3, 44)}, (4, 0)),
         why="a whole top-level field set to null is never changed"),
    # -- templates: decorators that are called with a class
    *(Case(f"a decorator called with a class: {name}", "applied_by_call.py", name, tree=flat)
      for name in ("Small", "Large", "Size1", "Size3", "First", "Second", "Two", "Three", "Rebound")),
    *(Case(f"the class of such a call: {name}", "applied_by_call.py", name, tree=flat)
      for name in ("Raw", "OfRaw", "BesideDecorated", "BesideSharded", "NotApplied")),
    Case("a mixin for such a class", "applied_by_call.py", "Small", mixin=("output_mode.ext=.m",), tree=flat),
    Case("functools.wraps over a decorated class", "wraps_decorated.py", "Wrapped", tree=flat),
    Case("functools.update_wrapper over a decorated class", "wraps_decorated.py", "Updated", tree=flat),
    *(Case(f"a constructor with keywords: {name}", "constructor_keywords.py", name, ("a",)) for name in ("Get", "Item", "New", "OfMetaclass")),
    *(Case(f"the constructor sets process: {name}", "replaced_process.py", name, tree=flat)
      for name in ("Wraps", "Instead", "BySetattr", "Partial")),
    *(Case(f"an unusual class: {name}", "unusual_classes.py", name, tree=flat)
      for name in ("Attached", "AttachedAll", "AttachedToType", "WorksWhileListing", "WorksInConstructor", "WorksInCheck", "ListsNothingNow")),
    *(Case("sys.argv while the file is loaded: " + " ".join((name, *args)), "reads_argv.py", name, args, tree=flat)
      for name, args in (("Suffix", ()), ("Suffix", ("--fast",)), ("Named", ()), ("Parsed", ("--size", "3")), ("Sibling", ("--to", ".there")))),
    # -- templates: folders that nothing uses, and extensions in every form
    Case("empty folders that nothing uses", "unused_folders.py", "Empty"),
    Case("folders of None that nothing uses", "unused_folders.py", "Nones"),
    Case("a folder given for nothing", "unused_folders.py", "Half", mixin=("hard_shard_mode.output_path=out",)),
    Case("a hard shard of None that nothing uses", "unused_folders.py", "NoneV1"),
    Case("outputs in the working folder", "unused_folders.py", "Here", tree=lines_below_out),
    Case("a pattern in the working folder", "unused_folders.py", "GlobHere", tree=flat),
    Case("an empty base", "unused_folders.py", "Base", tree=nested),
    Case("exts of None", "unused_folders.py", "Everything", tree=nested),
    Case("exts of one text", "unused_folders.py", "OneText", tree=sub,
         why="each letter of it is an extension there, so that it takes the same files by accident"),
    Case("exts in a tuple", "unused_folders.py", "ATuple", tree=flat),
    Case("exts in a set", "unused_folders.py", "ASet", tree=flat),
    Case("exts set to null", "unused_folders.py", "Given", mixin=("input_mode.exts=null",), tree=flat),
    # -- built-in modes that the file changes
    Case("a patched input mode", "patched_inputs.py", "Task", tree=sub),
    Case("a patched walk", "patched_walk.py", "Task", tree=sub),
    Case("a patched output mode", "patched_outputs.py", "Task", tree=sub),
    Case("a patched base of an output mode", "patched_base.py", "Task", tree=sub),
    Case("a patched finish check", "patched_finish.py", "Task", tree=empty_output),
    Case("a patched soft shard", "patched_soft_shard.py", "Task", tree=flat),
    Case("a patched hard shard", "patched_hard_shard.py", "Task", tree=hard),
    Case("patched triplets", "patched_triplets.py", "Task", tree=sub),
    Case("an input mode patched by the constructor", "patched_in_constructor.py", "Task", tree=sub),
    Case("an input mode patched by setattr", "patched_in_constructor.py", "BySetattr", tree=sub),
    Case("the patched base of tasks", "patched_task.py", "Plain"),
    Case("the patched base of tasks in a template", "patched_task.py", "InTemplate", tree=sub),
    # -- modes of the user's own
    Case("the constructor makes inputs", "constructed_first.py", "MakesInputs", tree=sub),
    Case("the constructor writes the list", "constructed_first.py", "WritesList", tree=sub),
    Case("the constructor removes outputs", "constructed_first.py", "RemovesOutputs", tree=sub),
    Case("the constructor goes elsewhere", "constructed_first.py", "Leaves", tree=sub),
    Case("the constructor changes modes", "constructed_first.py", "ChangesModes", ("v2",), tree=flat),
    Case("the constructor goes by another name", "constructed_first.py", "GoesByAnotherName", tree=sub),
    Case("the constructor asks for a property that writes", "constructed_first.py", "AsksForAProperty", tree=sub),
    Case("the constructor moves inputs", "constructed_first.py", "MovesInputs", tree=flat),
    Case("the constructor begins a log among the inputs", "constructed_first.py", "Logs", tree=sub),
    Case("the constructor sets is_executed", "constructed_first.py", "SetsItsCheck", tree=flat),
    Case("the constructor sets generate_tasks", "constructed_first.py", "SetsItsListing", tree=flat),
    Case("the constructor sets both, without a template", "constructed_first.py", "SetsBoth"),
    Case("the file goes elsewhere, and writes the list", "goes_elsewhere.py", "Elsewhere", tree=sub),
    Case("own hard shard mode", "own_modes.py", "HardShard", tree=nested),
    Case("own hard shard mode with a mixin", "own_modes.py", "HardShard", mixin=("hard_shard_mode.base=sub/deep", "hard_shard_mode.added=1"), tree=nested),
    Case("own input mode over a built-in one", "own_modes.py", "Input", tree=sub),
    Case("own input mode", "own_modes.py", "Bare"),
    Case("own output mode", "own_modes.py", "Output", tree=sub),
    Case("own output mode, nested dataclass", "own_modes.py", "Output", tree=sub, mixin=("output_mode.naming.suffix=.s",), original=False,
         wanted=Wanted({f"p-{n}.txt.s": ("tiny" if n == 3 else f"in/sub/./{n}.txt [('extra', [])]") for n in (1, 2, 3, 44)}, (4, 0), (0, 0)),
         why="a dataclass inside a dataclass is replaced by a dict"),
    Case("own finish check", "own_modes.py", "Check", tree=sub),
    # -- names that became options of built-in modes
    Case("own fields with the names of filters", "own_options.py", "InPictures", tree=outdated),
    Case("own fields with the names of filters and a mixin", "own_options.py", "InPictures", mixin=("input_mode.recursive=true", "input_mode.min_size=9"), tree=outdated),
    Case("own field recursive", "own_options.py", "InFlat", tree=outdated),
    Case("own field ignore without a default", "own_options.py", "InRequired", mixin=("input_mode.ignore=[top.txt]", "input_mode.max_size=0"), tree=outdated),
    Case("own methods and attributes with such names", "own_options.py", "InHelpers", tree=outdated),
    Case("own pattern with recursive", "own_options.py", "InDeep", tree=outdated),
    Case("own constructor with recursive", "own_options.py", "InShallow", tree=outdated),
    Case("own input mode with several folders", "own_options.py", "InFolders", tree=outdated),
    Case("own field redo", "own_options.py", "CheckOutdated", tree=outdated),
    Case("own field redo that is changed", "own_options.py", "CheckField", flags=("--no-ledger",), original=False, tree=outdated,
         wanted=Wanted(None, (5, 0), (0, 0)), why="it has no ledger"),
    Case("own method redo", "own_options.py", "CheckChanged", tree=outdated),
    Case("own attribute redo", "own_options.py", "CheckNamed", tree=outdated),
    Case("a built-in mode with attributes of the user's own", "own_options.py", "WithAttributes", mixin=("input_mode.note=2",), tree=outdated),
    # -- failures
    Case("an item fails", "failing.py", "Raises", original=False,
         wanted=Wanted(all_done(12, skip=5), (12, 1), (3, 3)), why="an exception ends the run"),
    Case("an item fails in is_executed", "failing.py", "ChecksBadly", original=False,
         wanted=Wanted(all_done(12, skip=5), (11, 0), (3, 3)), why="an exception ends the run"),
    Case("an item calls sys.exit", "failing.py", "Exits", original=False,
         wanted=Wanted(all_done(12, skip=5), (12, 1), (3, 3)), why="a worker that exits hangs the run"),
    Case("an item raises StopIteration", "failing.py", "Stops", wanted=Wanted(exit=(3, 3)), why="the pool takes it for its end, and says nothing"),
    Case("an item ends its process", "failing.py", "Vanishes", original=False,
         wanted=Wanted(all_done(12, skip=5), None, (3, 3)), why="a killed worker hangs the run"),
    Case("an item crashes its process", "failing.py", "Crashes", original=False,
         wanted=Wanted(all_done(12, skip=5), None, (3, 3)), why="a killed worker hangs the run"),
    Case("the original's end at the first failure", "failing.py", "Raises", flags=("--max-failures", "0", "--num_process", "1"), original=False,
         outputs=False, wanted=Wanted(None, None, (1, 1)), why="--max-failures 0 is the original's behaviour"),
    Case("no is_executed", "failing.py", "NeverChecks", original=False,
         wanted=Wanted(all_done(3), (3, 3), (0, 0)), why="a task without is_executed raises"),
    Case("the constructor exits", "failing.py", "ExitsAtOnce"),
    Case("the constructor ends the run", "ends_itself.py", "InConstructor"),
    Case("the constructor ends the run, no code", "ends_itself.py", "WithoutCode"),
    Case("the constructor ends the run with a text", "ends_itself.py", "WithText"),
    Case("the constructor ends the run, spawned", "ends_itself.py", "InConstructor", original=False, flags=("--start_method", "spawn"),
         wanted=Wanted({}, (0, 0), (0, 0)), why="there is no spawn"),
    Case("the listing ends the run", "ends_itself.py", "InListing"),
    Case("a generator ends the run", "ends_itself.py", "InGenerator"),
    Case("the constructor ends the run, in a template", "ends_itself.py", "InTemplate", tree=flat),
    Case("a function ends the run", "ends_itself.py", "in_factory"),
    Case("listing fails", "failing.py", "ListsBadly", outputs=False),
    Case("an output half written", "failing.py", "HalfWritten", tree=flat, original=False,
         wanted=Wanted({f"{n}.txt.o": "begun" for n in "abcdefg"} | {"UPPER.TXT.o": "begun"}, (8, 1), (3, 3)),
         why="a failed item leaves a truncated output, which counts as finished there; ours does it again"),
    Case("no such task", "plain_list.py", "Missing"),
    Case("no such file", "missing.py", "Missing"),
]  # fmt: skip
