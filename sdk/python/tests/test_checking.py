"""Arguments are checked by the task's own parser, without opening the task and without side effects."""

import os

import pytest
from host import Host, pb

TASKS = """
import argparse, os, sys
from kagurazaka import KagurazakaTask

class Base(KagurazakaTask):
    def generate_tasks(self): return []
    def process(self): pass

class Parsed(Base):
    def __init__(self, args):
        p = argparse.ArgumentParser(prog="parsed", fromfile_prefix_chars="@")
        p.add_argument("--mode", type=str.lower, choices=["fast", "slow"])
        p.add_argument("--size", type=int)
        p.add_argument("--log", type=argparse.FileType("w"))
        p.add_argument("--version", action="version", version="%(prog)s 1.2")
        p.add_argument("--quit", action=Quit, nargs=0)
        p.add_argument("rest", nargs="*")
        self.a = p.parse_args(args)
        open("constructed", "w").close()

class Quit(argparse.Action):
    def __call__(self, parser, *rest):
        sys.exit("no quitting")

class Sub(Base):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        one = p.add_subparsers(required=True).add_parser("one")
        one.add_argument("-n", type=int)
        p.parse_args(args)

class Hands(Base):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("command", nargs=argparse.REMAINDER)
        p.parse_args(args)

class Known(Base):
    def __init__(self, args):
        self.a, self.rest = argparse.ArgumentParser().parse_known_args(args)
        open("constructed", "w").close()

class Two(Base):
    def __init__(self, args):
        _, rest = argparse.ArgumentParser(add_help=False).parse_known_args(args)
        p = argparse.ArgumentParser()
        p.add_argument("--late", type=int)
        p.parse_args(rest)

class Intermixed(Base):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("--n", type=int)
        p.add_argument("rest", nargs="*")
        self.a = p.parse_intermixed_args(args)

class Whole(Base):
    def __init__(self, args):
        p = argparse.ArgumentParser()
        p.add_argument("words", nargs="*")
        p.add_argument("--n", type=int)
        self.a = p.parse_args()  # sys.argv is FILE TASK ARGS

class WritesFirst(Base):
    def __init__(self, args):
        open("written", "w").close()
        argparse.ArgumentParser().parse_args(args)

class Breaks(Base):
    def __init__(self, args):
        raise RuntimeError("before any parser")

def made(mixin):
    class Made(Base):
        def __init__(self, args):
            p = argparse.ArgumentParser()
            p.add_argument("--" + mixin["flag"])
            p.parse_args(args)
    return Made
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    file = tmp_path / "many.py"
    file.write_text(TASKS)
    (tmp_path / "more.txt").write_text("--size\n5\n")
    (tmp_path / "kept.txt").write_text("kept")
    monkeypatch.chdir(tmp_path)
    with Host(str(file)) as host:
        yield host
    assert sorted(p for p in os.listdir(tmp_path) if p != "__pycache__") == ["kept.txt", "many.py", "more.txt"]
    assert (tmp_path / "kept.txt").read_text() == "kept"


def check(host, task, *args, mixin=b""):
    return host.stub.check(pb.CheckRequest(task=task, args=args, mixin_json=mixin))


def problem(answer):
    assert not answer.parsed and answer.error.fault == pb.FAULT_USER
    (found,) = answer.error.config.problems
    return found.where, found.message


def test_what_the_parser_takes(host):
    for task, *args in (
        ("Parsed", "--mode", "FAST", "--si", "3", "a", "--", "--b"),
        ("Parsed", "@more.txt", "--log", "kept.txt"),
        ("Sub", "one", "-n5"),
        ("Two", "--late", "3"),
        ("Intermixed", "a", "--n", "3", "b"),
        ("Whole", "--n", "3"),
    ):
        answer = check(host, task, *args)
        assert answer.parsed and not answer.unknown and not answer.HasField("error"), (task, args, answer)
    assert check(host, "made", "--x", "1", mixin=b'{"flag": "x"}').parsed


def test_what_the_parser_refuses(host):
    where, message = problem(check(host, "Parsed", "--mode", "SLOWER"))
    assert where == "--mode" and "invalid choice: 'slower'" in message
    assert problem(check(host, "Parsed", "--siez", "3")) == ("", "unrecognized arguments: --siez")
    assert problem(check(host, "Parsed", "--quit")) == ("", "the task's parser ended with 'no quitting'")
    assert "one" in problem(check(host, "Sub", "two"))[1]
    assert problem(check(host, "Two", "--later", "3")) == ("", "unrecognized arguments: --later 3")
    assert problem(check(host, "made", "--y", "1", mixin=b'{"flag": "x"}'))[1] == "unrecognized arguments: --y 1"


def test_what_the_parser_answers_itself(host):
    assert check(host, "Parsed", "--vers").ended.output == "parsed 1.2\n"


def test_what_the_parser_does_not_know(host):
    answer = check(host, "Known", "--num_proces", "1")
    assert answer.parsed and list(answer.unknown) == ["--num_proces", "1"]


def test_a_parser_that_cannot_be_asked(host):
    for task in ("WritesFirst", "Breaks", "Base"):
        answer = check(host, task, "--any")
        assert answer == pb.CheckResponse(), (task, answer)
    assert check(host, "Missing").error.HasField("no_such_task")


def test_the_task_can_be_opened_afterwards(host):
    assert check(host, "Sub", "two").HasField("error")
    host.open("Sub", ["one"])


def test_tasks_without_arguments(tmp_path):
    file = tmp_path / "none.py"
    file.write_text(
        "import abc\nfrom kagurazaka import KagurazakaTask\n"
        "class Plain(KagurazakaTask):\n    def generate_tasks(self): return []\n    def process(self): pass\n"
        "class Derived(Plain, abc.ABC): pass\n"
        "class Own(Plain):\n    def __init__(self, args): self.args = args\n"
        "class New(Plain):\n    def __new__(cls, args): return super().__new__(cls)\n"
    )
    with Host(str(file)) as host:
        tasks = {t.name: t for t in host.stub.describe(pb.DescribeRequest()).tasks}
    assert {name for name, task in tasks.items() if task.open_arguments} == {"Own", "New"}
    reads = tmp_path / "reads.py"
    reads.write_text(
        "import sys\nfrom kagurazaka import KagurazakaTask\n"
        "class Reads(KagurazakaTask):\n    def generate_tasks(self): return sys.argv[3:]\n    def process(self): pass\n"
    )
    with Host(str(reads)) as host:
        assert host.task("Reads").open_arguments


def test_what_is_said_of_a_parser(host):
    tasks = {t.name: t for t in host.stub.describe(pb.DescribeRequest()).tasks}
    assert {"check", "abbreviations"} <= set(tasks["Sub"].capabilities)
    assert "check" not in tasks["WritesFirst"].capabilities and "check" not in tasks["Base"].capabilities
    assert list(tasks["Sub"].flags) == ["-n"] and not tasks["Intermixed"].flags
    assert "remainder" in tasks["Hands"].capabilities and "remainder" not in tasks["Sub"].capabilities
    assert [a.ends for a in tasks["Intermixed"].arguments] == [False, False]
