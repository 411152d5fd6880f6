"""kagurazaka.testing: a task's items, processed in the test's process."""

import os
import pathlib
import pdb
import sys
import traceback

import pytest
from test_decorated import Lower, Open, Upper

from kagurazaka import (
    PLACEHOLDER,
    FinishCheckByOutputFileExistence,
    HardShardModeV1,
    InputByExts,
    InputByGlob,
    InputByMerge,
    KagurazakaTask,
    KagurazakaVanillaTorchMixinV1,
    KagurazakaVanillaTorchTaskV1,
    NoHardShard,
    OutputByAppendingExt,
    OutputByFilenameSubfoldering,
    SoftShardByHash,
    task,
    torch_task,
)
from kagurazaka._serve.taskfile import TaskFile
from kagurazaka.testing import Outcome, run

EXISTS = FinishCheckByOutputFileExistence()


@task(
    NoHardShard(PLACEHOLDER, PLACEHOLDER),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByAppendingExt(".n"),
    finish_check_mode=EXISTS,
)
class Count(KagurazakaTask):
    def __init__(self, args):
        self.fails = args

    def process(self, input, output):
        pathlib.Path(output.path).write_text("half")
        if input.file_name in self.fails:
            raise LookupError(input.file_name)
        pathlib.Path(output.path).write_text(str(os.path.getsize(input.path)))


@task(
    NoHardShard(PLACEHOLDER, PLACEHOLDER),
    input_mode=InputByExts([".txt"]),
    output_mode=OutputByAppendingExt(".n"),
    finish_check_mode=EXISTS,
    outputs="staged",
)
class Staged(Count):
    pass


class Numbers(KagurazakaTask):
    def generate_tasks(self):
        for i in range(4):
            yield {"i": i, "seen": []}

    def is_executed(self, i, seen):
        return i == 2

    def process(self, i, seen):
        seen.append(i)
        if i == 3:
            sys.exit("three")


@torch_task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]), output_mode=OutputByAppendingExt(".size"),
            finish_check_mode=EXISTS, dataloader={"batch_size": 4})  # fmt: skip
class Sizes(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def __init__(self, args):
        self.args = args
        self.batches = []

    def load_model(self, device):
        self.device = device

    def load_data(self, input):
        if "load" in self.args and input.file_name == "0.txt":
            raise OSError("load")
        return {"size": os.path.getsize(input.path), "name": input.file_name}

    def inference(self, device, batch_size, name, size, **rest):
        assert device == self.device == "cpu"
        self.batches.append(batch_size)
        if "inference" in self.args and "2.txt" in name:
            raise ArithmeticError("2")
        return [2 * int(one) for one in size]

    def postprocess_each(self, batch_idx, batch_size, name, result, output, **rest):
        if "post" in self.args and name == "3.txt":
            raise KeyError(name)
        pathlib.Path(output.path).write_text(str(result))


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for i in range(5):
        (folder / f"{i}.txt").write_text("x" * i)
    return folder


def statuses(outcomes):
    return "".join(outcome.status[0] for outcome in outcomes)


def test_run(texts, tmp_path):
    outcomes = run(Count, input=texts, output=tmp_path / "out")
    assert [outcome.item["input"].file_name for outcome in outcomes] == [f"{i}.txt" for i in range(5)]
    assert statuses(outcomes) == "ddddd" and isinstance(outcomes[0], Outcome)
    assert outcomes[3].output == tmp_path / "out" / "3.txt.n" and outcomes[3].output.read_text() == "3"
    assert statuses(run(Count, input=str(texts), output=str(tmp_path / "out"))) == "sssss"
    assert sorted(os.listdir(tmp_path / "out")) == [f"{i}.txt.n" for i in range(5)]


@pytest.mark.parametrize("kind", [Count, Staged])
def test_failures(kind, texts, tmp_path):
    outcomes = run(kind, ["1.txt", "4.txt"], input=texts, output=tmp_path / "out")
    assert statuses(outcomes) == "dfddf"
    error = outcomes[1].exception
    assert isinstance(error, LookupError) and str(error) == "1.txt"
    assert traceback.extract_tb(error.__traceback__)[-1].name == "process"
    assert outcomes[1].output.exists() == (kind is Count)
    # The half-written output does not count as finished.
    assert statuses(run(kind, ["1.txt"], input=texts, output=tmp_path / "out")) == "sfssd"
    assert statuses(run(kind, input=texts, output=tmp_path / "out")) == "sdsss"
    assert not (tmp_path / "out" / ".kagurazaka").exists()
    with pytest.raises(LookupError, match="2.txt"):
        run(kind, ["2.txt"], input=texts, output=tmp_path / "other", raise_on_failure=True)


def test_without_template():
    outcomes = run(Numbers)
    assert statuses(outcomes) == "ddsf" and isinstance(outcomes[3].exception, SystemExit)
    assert outcomes[0].item == {"i": 0, "seen": []} and outcomes[0].outputs == {}
    with pytest.raises(AttributeError, match="no output_mode"):
        _ = outcomes[0].output
    assert statuses(run(Numbers, items=[{"i": 2, "seen": []}])) == "s"
    with pytest.raises(ValueError, match="Numbers has no template"):
        run(Numbers, input="texts")


def test_mixin(texts, tmp_path):
    def names(**mixin):
        outcomes = run(Count, input=texts, output=tmp_path / "out", mixin=mixin)
        return [outcome.output.name for outcome in outcomes]

    assert names(output_mode={"ext": ".z"})[0] == "0.txt.z"
    assert names(**{"output_mode.ext": ".z"})[0] == "0.txt.z"
    assert names(output_mode="OutputByReplacingExt", **{"output_mode.ext": ".z"})[0] == "0.z"
    assert names(output_mode={"mode": "OutputByAppendingExt", "ext": ".z"})[0] == "0.txt.z"
    assert names(input_mode=InputByGlob("[12].txt")) == ["1.txt.n", "2.txt.n"]
    assert names(input_mode={"mode": "InputByGlob", "glob_pattern": "3*"}) == ["3.txt.n"]
    assert names(input_mode=InputByMerge([InputByGlob("3*"), InputByGlob("4*")]), **{"input_mode.modes": [InputByGlob("0*")]}) == [
        "0.txt.n"
    ]
    assert len(names(soft_shard=SoftShardByHash(0, 2))) + len(names(soft_shard=SoftShardByHash(1, 2))) == 5
    assert names(**{"soft_shard.shard_num": 2}) == ["0.txt.n", "2.txt.n", "4.txt.n"]
    # Nothing of them is left.
    assert names() == [f"{i}.txt.n" for i in range(5)]


@pytest.mark.parametrize("mixin, message", [
    ({"input_mod": 1}, "the template of Count has no field input_mod; its fields: hard_shard_mode, "),
    ({"output_mode": {"exts": "."}}, "mixin output_mode: OutputByApendingExt has no field exts; its fields: ext"),
    ({"output_mode": "InputByExts"}, "mixin output_mode: unknown mode InputByExts; its modes: OutputBy"),
    ({"output_mode": None, "finish_check_mode": None, "input_mode.exts": PLACEHOLDER}, "not set: input_mode.exts; hint: mixin="),
    ({"output_mode": None}, "a template with a finish_check_mode needs an output_mode"),
])  # fmt: skip
def test_wrong_mixins(mixin, message, texts, tmp_path):
    with pytest.raises(ValueError) as caught:
        run(Count, input=texts, output=tmp_path / "out", mixin=mixin)
    assert message in str(caught.value)


def test_placeholders(texts):
    with pytest.raises(ValueError) as caught:
        run(Count, input=texts)
    assert str(caught.value) == "required template values are not set: hard_shard_mode.output_path; hint: output=…"
    with pytest.raises(ValueError, match="hint: input=…, output=…, mixin="):
        run(Open)


def test_other_hard_shards(texts, tmp_path):
    shards = task(HardShardModeV1(PLACEHOLDER, "out", "in", "out", PLACEHOLDER), input_mode=InputByExts([".txt"]))(
        type("Shards", (KagurazakaTask,), {"process": lambda self, input: None})
    )
    (tmp_path / "0").mkdir()
    texts.rename(tmp_path / "0" / "in")
    assert statuses(run(shards, mixin={"hard_shard_mode": {"base_input_path": tmp_path, "shard_idx": 0}})) == "ddddd"
    with pytest.raises(ValueError, match="the task has HardShardModeV1; hint: mixin sets hard_shard_mode.base_input_path, "):
        run(shards, input=texts)


def test_folders_as_outputs(texts, tmp_path):
    folders = task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]),
                   output_mode=OutputByFilenameSubfoldering({"a": "a.txt", "b": "b.txt"}), finish_check_mode=EXISTS)  # fmt: skip

    @folders
    class Folders(KagurazakaTask):
        def process(self, input, output, output_a, output_b):
            pathlib.Path(output_a.path).write_text("a")

    outcomes = run(Folders, input=texts, output=tmp_path / "out")
    folder = tmp_path / "out" / "0.txt"
    assert outcomes[0].outputs == {"output": folder, "output_a": folder / "a.txt", "output_b": folder / "b.txt"}
    assert outcomes[0].outputs["output_a"].read_text() == "a" and not outcomes[0].outputs["output_b"].exists()


def test_subclasses(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = run(Lower, input=texts, output="lower")
    assert statuses(outcomes) == "ddddd" and outcomes[1].output.read_text() == "x"
    monkeypatch.setattr(Upper, "convert", lambda self, text: "patched")
    assert run(Upper, input=texts, output="upper")[0].output.read_text() == "patched"


def test_nothing_stays(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mode = InputByExts([".txt"])

    @task(NoHardShard(PLACEHOLDER, "out"), input_mode=mode)
    class Changes(KagurazakaTask):
        def __init__(self, args):
            assert sys.argv[2:] == ["Changes", *args]
            mode.exts = [".md"]
            os.makedirs("elsewhere", exist_ok=True)
            os.chdir("elsewhere")

        def process(self, input):
            pass

    argv = sys.argv[:]
    assert run(Changes, ["x"], input=texts) == []
    assert mode.exts == [".txt"] and os.getcwd() == str(tmp_path) and sys.argv == argv
    with pytest.raises(ValueError, match="hard_shard_mode.input_path"):
        run(Changes)


SHORT = """
from kagurazaka import PLACEHOLDER, InputByExts, KagurazakaTask, NoHardShard, OutputByAppendingExt, task

@task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]), output_mode=OutputByAppendingExt(".n"))
class Short(KagurazakaTask):
    def process(self, input):
        pass
"""


def test_methods_that_cannot_be_called(texts, tmp_path):
    (tmp_path / "short_task.py").write_text(SHORT)
    short = TaskFile(str(tmp_path / "short_task.py")).find("Short")
    message = r"short_task.py:6: Short.process does not take output, which it is called with; hint: write def process"
    with pytest.raises(TypeError, match=message):
        run(short, input=texts, output=tmp_path / "out")
    assert statuses(run(short, input=texts, output=tmp_path / "out", mixin={"output_mode": None})) == "ddddd"


def test_factory(tmp_path, texts):
    def make(mixin):
        return Open(mixin)

    mixin = {"hard_shard_mode": {"input_path": str(texts), "output_path": str(tmp_path / "out")}, "output_mode": {"ext": ".f"}}
    assert statuses(run(make, mixin=mixin)) == "ddddd"
    assert len(os.listdir(tmp_path / "out")) == 5


def test_a_missing_input_folder(tmp_path):
    """It is refused, as by the command. Items that the test gives need no folder."""
    nope, out = tmp_path / "nope", tmp_path / "out"

    @task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]))
    class Listed(KagurazakaTask):
        def process(self, input): ...

    with pytest.raises(FileNotFoundError, match="no such input folder.*nope"):
        run(Listed, input=nope, output=out)
    with pytest.raises(FileNotFoundError, match="no such input folder.*nope"):
        run(Listed, mixin={"hard_shard_mode": {"input_path": str(nope), "output_path": str(out)}})
    assert run(Listed, input=nope, output=out, items=[]) == []


def test_arguments_are_a_list(texts, tmp_path):
    with pytest.raises(TypeError, match="args is '--title', and must be a list of words"):
        run(Open, "--title", input=texts, output=tmp_path)


def test_the_debugger_works(texts, tmp_path, monkeypatch):
    """breakpoint() reaches the debugger of the test's own process, with the frame of process."""
    seen = []
    monkeypatch.setattr(pdb, "set_trace", lambda *args, **kwargs: None)
    monkeypatch.setattr(sys, "breakpointhook", lambda *args, **kwargs: seen.append(sys._getframe(1).f_locals["input"].file_name))

    @task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]))
    class Stops(KagurazakaTask):
        def process(self, input):
            breakpoint()

    run(Stops, input=texts, output=tmp_path)
    assert seen == [f"{i}.txt" for i in range(5)]


def test_interrupts_end_the_run(texts, tmp_path):
    @task(NoHardShard(PLACEHOLDER, PLACEHOLDER), input_mode=InputByExts([".txt"]))
    class Interrupted(KagurazakaTask):
        def process(self, input):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted, input=texts, output=tmp_path)


def test_device(texts, tmp_path):
    outcomes = run(Sizes, input=texts, output=tmp_path / "out")
    assert statuses(outcomes) == "ddddd" and outcomes[4].output.read_text() == "8"
    assert statuses(run(Sizes, input=texts, output=tmp_path / "out")) == "sssss"
    os.unlink(outcomes[2].output)
    assert statuses(run(Sizes, input=texts, output=tmp_path / "out", batch_size=2)) == "ssdss"


@pytest.mark.parametrize("where, expected, kind", [
    ("load", "fdddd", OSError), ("inference", "ddfdd", ArithmeticError), ("post", "dddfd", KeyError),
])  # fmt: skip
def test_device_failures(where, expected, kind, texts, tmp_path):
    outcomes = run(Sizes, [where], input=texts, output=tmp_path / "out")
    assert statuses(outcomes) == expected
    assert [type(outcome.exception) for outcome in outcomes if outcome.status == "failed"] == [kind]
    assert len(os.listdir(tmp_path / "out")) - (tmp_path / "out" / ".kagurazaka").exists() == 4
