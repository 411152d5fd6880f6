"""Templates: to the host and back, shards, modes, staging."""

import copy
import dataclasses
import inspect
import json
import os
import pickle
import typing

import pytest

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve import failures, nodes
from kagurazaka._serve.staging import Stager
from kagurazaka.template import io
from kagurazaka.template._template import ATTRIBUTE
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


def template_of(**modes):
    class Task(KagurazakaTask):
        def process(self, **item):
            pass

    return getattr(moemoecue_normal(**modes)(Task), ATTRIBUTE)


@dataclasses.dataclass
class Inner:
    depth: int = 1


@dataclasses.dataclass
class Outer(io.OutputMode):
    inner: Inner = dataclasses.field(default_factory=Inner)
    names: tuple = ("a", P)


def fields(message):
    return {f.name: f.value for f in message.fields}


def test_description():
    template = template_of(
        hard_shard_mode=io.NoHardShard(P, "out"), input_mode=io.InputByExts((".a", P)), output_mode=Outer(),
        finish_check_mode=P,
    )  # fmt: skip
    top = fields(nodes.describe(template))
    assert list(top) == ["hard_shard_mode", "soft_shard", "input_mode", "output_mode", "finish_check_mode"]
    hard = top["hard_shard_mode"].mode
    assert hard.name == "NoHardShard" and not hard.custom
    assert [f.name for f in hard.fields] == ["input_path", "output_path"]
    assert fields(hard)["input_path"].WhichOneof("kind") == "placeholder"
    assert fields(hard)["output_path"].json == '"out"'
    assert fields(top["soft_shard"].mode)["subshard"].json == "null"
    exts = fields(top["input_mode"].mode)["exts"].list.nodes
    assert [n.WhichOneof("kind") for n in exts] == ["json", "placeholder"]
    assert top["output_mode"].mode.custom
    assert fields(top["output_mode"].mode)["inner"].mode.name == "Inner"
    assert top["finish_check_mode"].WhichOneof("kind") == "placeholder"


MODES = {
    "hard_shard_mode": io.NoHardShard("in", "out"), "soft_shard": io.SoftShard(0, 1, io.SoftShard(0, 1)),
    "input_mode": io.InputByExts([".a"]), "output_mode": io.OutputByApendingExt(".o"),
    "finish_check_mode": io.FinishCheckByOutputFileExistence(),
}  # fmt: skip


def custom():
    """The fields whose modes run in Python."""
    return {f.name for f in nodes.describe(template_of(**MODES)).fields if f.value.mode.custom}


@pytest.mark.parametrize(
    "owner, name, wanted",
    [
        (io.NoHardShard, "get_shard_output", {"hard_shard_mode"}),
        (io.SoftShard, "check_in_shard", {"soft_shard"}),
        (io.InputByExts, "generate_tasks", {"input_mode"}),
        (io.OutputByApendingExt, "get_output_params", {"output_mode"}),
        (io.FinishCheckByOutputFileExistence, "is_executed", {"finish_check_mode"}),
        (io.OutputMode, "__getattribute__", {"output_mode"}),
        (io.HardShardModeV1, "get_shard_input", set()),
        (io.InputByExts, "__doc__", set()),
        (io, "walk_files_of_dir", set(MODES)),
        (io, "FileTriplet", set(MODES)),
        (io.FileTriplet, "__init__", set(MODES)),
        (io.FileTriplet, "stem", set()),
    ],
)
def test_patched_modes_run_in_python(owner, name, wanted, monkeypatch):
    assert not custom()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, object.__getattribute__ if name == "__getattribute__" else print, raising=False)
        assert custom() == wanted
    assert not custom()


def test_modes_that_python_has_used_are_not_patched():
    for mode in MODES.values():
        assert pickle.loads(pickle.dumps(mode)) == copy.deepcopy(mode) == mode
        typing.get_type_hints(type(mode))
        inspect.signature(type(mode))
        assert [kind.__annotations__ for kind in type(mode).__mro__[:-1]]
    assert not custom()


def test_what_comes_back_changes_the_tasks_own_objects():
    hard, outer, shard = io.NoHardShard(P, P), Outer(), io.SoftShard([0, 1], 2, io.SoftShard(0, P))
    kept = outer.inner
    template = template_of(hard_shard_mode=hard, soft_shard=shard, output_mode=outer, input_mode=P)
    message = nodes.describe(template)
    top = fields(message)
    fields(top["hard_shard_mode"].mode)["input_path"].json = '"in"'
    fields(top["hard_shard_mode"].mode)["output_path"].json = '"out"'
    fields(fields(top["soft_shard"].mode)["subshard"].mode)["shard_num"].json = "3"
    fields(fields(top["output_mode"].mode)["inner"].mode)["depth"].json = "7"
    fields(top["output_mode"].mode)["names"].list.nodes[1].json = '"b"'
    fields(top["output_mode"].mode)
    top["output_mode"].mode.fields.add(name="added", value=pb.Node(json="[1]"))
    top["input_mode"].mode.name = "InputByExts"
    top["input_mode"].mode.fields.add(name="exts", value=pb.Node(json='[".x"]'))
    nodes.apply(template, message, None)
    assert (hard.input_path, hard.output_path) == ("in", "out")
    assert shard.subshard == io.SoftShard(0, 3)
    assert outer.inner is kept and kept.depth == 7
    assert outer.names == ["a", "b"] and outer.added == [1]
    assert template.input_mode == io.InputByExts([".x"])
    assert template.install() is template.cls


def test_values_that_are_not_data_keep_their_place():
    def collate(batch):
        return batch

    loader = {"collate_fn": collate, "batch_size": P, "sizes": (1, 2)}
    message = pb.Node(map=pb.NodeMap(fields=[pb.Field(name=k, value=nodes._node(v)) for k, v in loader.items()]))
    message.map.fields[1].value.json = "8"
    assert nodes._value(loader, message, None) is loader
    assert loader == {"collate_fn": collate, "batch_size": 8, "sizes": (1, 2)}


def test_placeholders_and_contradictions_are_refused():
    with pytest.raises(ValueError, match=r"hard_shard_mode.input_path, input_mode.exts.0"):
        template_of(hard_shard_mode=io.NoHardShard(P, ""), input_mode=io.InputByExts([P])).install()
    with pytest.raises(ValueError, match="needs an output_mode"):
        template_of(hard_shard_mode=None, finish_check_mode=io.FinishCheckByOutputFileExistence()).install()


def test_tasks_do_not_share_the_default_shard():
    one, two = template_of(hard_shard_mode=None), template_of(hard_shard_mode=None)
    one.merge({"soft_shard": {"shard_num": 5}})
    assert (one.soft_shard.shard_num, two.soft_shard.shard_num) == (5, 1)


@pytest.mark.parametrize("num, idx", [(3, [0]), (4, [2, 1]), (5, 3)])
def test_subshards_part_their_shard(num, idx):
    def taken(sub):
        shard = io.SoftShard(idx, num, sub)
        return [i for i in range(200) if shard.check_in_shard(i)]

    parts = [taken(io.SoftShard(k, 3)) for k in range(3)]
    assert sorted(sum(parts, [])) == taken(None)
    assert max(map(len, parts)) - min(map(len, parts)) <= len(idx if isinstance(idx, list) else [idx])


def test_shards_by_hash_are_balanced_and_stable():
    items = [{"input": io.FileTriplet("ignored", f"d{i % 2}", f"{i}.jpg")} for i in range(0, 4000, 2)]
    shards = [[i["input"].file_name for i in items if io.SoftShardByHash(k, 4).check_item(i)] for k in range(4)]
    assert sum(map(len, shards)) == 2000 and all(400 < len(s) < 600 for s in shards)
    # The same numbers as the host's.
    assert io._hash(b"") == 0xEFD01F60BA992926
    assert io.SoftShardByHash(0, 1).check_item({"no": "input"})


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "stage").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def triplet(path):
    return io.FileTriplet(str(path), "r", os.path.basename(path))


def put(path, text="new"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def tree(folder):
    return {os.path.relpath(os.path.join(p, n), folder): open(os.path.join(p, n)).read() for p, _, names in os.walk(folder) for n in names}


def test_stage_commit_abort(stage):
    stager = Stager(str(stage / "stage"), False, ["output"])
    final = {"input": triplet("in/a"), "output": triplet(stage / "out" / "new folder" / "a.o")}
    staged = stager.begin(final)
    assert staged["input"] is final["input"]
    assert (staged["output"].rel_dir, staged["output"].file_name) == ("r", "a.o")
    put(staged["output"].path)
    put(staged["output"].path + ".json")
    put(str(stage / "stage" / "deep" / "er"))
    assert tree(stage / "out") == {}
    stager.commit()
    assert tree(stage / "out") == {"new folder/a.o": "new", "new folder/a.o.json": "new", "new folder/deep/er": "new"}
    # A second item brings its own file into the folder that is there.
    put(str(stage / "stage" / "deep" / "second"))
    stager.begin(final)
    stager.commit()
    assert tree(stage / "out" / "new folder" / "deep") == {"er": "new", "second": "new"}
    staged = stager.begin(final)
    put(staged["output"].path, "half")
    put(str(stage / "stage" / "x" / "y"), "half")
    stager.abort()
    assert os.listdir(stage / "stage") == []
    assert tree(stage / "out")["new folder/a.o"] == "new"


def test_stage_a_folder(stage, monkeypatch):
    stager = Stager(str(stage / "stage"), True, ["output_test"])
    root = stage / "out" / "a"
    final = {"output": triplet(root), "output_test": triplet(root / "test.txt"), "output_deep": triplet(root / "d" / "x")}
    staged = stager.begin(final)
    assert os.path.isdir(staged["output"].path)
    assert staged["output_deep"].path == os.path.join(staged["output"].path, "d", "x")
    put(staged["output_test"].path)
    put(staged["output_deep"].path)
    stager.commit()
    assert tree(root) == {"test.txt": "new", "d/x": "new"}
    # Over a folder that is there, file by file, and what the check looks at goes last.
    moved = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(os.path.basename(b)), replace(a, b)))
    staged = stager.begin(final)
    for name in ("a", "test.txt", "z"):
        put(os.path.join(staged["output"].path, name), "again")
    stager.commit()
    assert moved[-1] == "test.txt" and set(moved) == {"a", "test.txt", "z"}
    assert tree(root) == {"test.txt": "again", "d/x": "new", "a": "again", "z": "again"}
    assert os.listdir(stage / "stage") == []


def test_items_that_write_nothing_are_counted(stage):
    checked, unchecked = Stager(str(stage / "stage"), False, ["output"]), Stager(str(stage / "stage"), False, [])
    put(str(stage / "out" / "there"))
    for name, writes, counted in (("a", False, 1), ("b", True, 1), ("there", False, 1), ("c", False, 2)):
        for stager in (checked, unchecked):
            staged = stager.begin({"output": triplet(stage / "out" / name)})
            if writes:
                put(staged["output"].path)
            stager.commit()
        assert checked.unwritten.count == counted and unchecked.unwritten.count == 0
    checked.into(str(stage / "out"))
    checked.miss_file("there")
    checked.miss_file("d")
    assert checked.unwritten.count == 3


def test_outputs_that_do_not_fit_where_they_belong(stage):
    out = stage / "out"
    put(str(out / "folder" / "x"))
    put(str(out / "file"))
    put(str(out / "merged" / "file"))
    put(str(out / "merged" / "folder" / "x"))
    stager = Stager(str(stage / "stage"), False, [])
    for name, written, where in (
        ("folder", "folder", "folder"),
        ("file", "file/x", "file"),
        ("merged", "merged/file/x", "merged/file"),
        ("merged", "merged/folder", "merged/folder"),
    ):
        stager.begin({"output": triplet(out / name)})
        put(str(stage / "stage" / written))
        with pytest.raises(failures.InvalidOutput) as raised:
            stager.commit()
        error = failures.of_exception(raised.value)
        assert error.WhichOneof("detail") == "invalid_output" and error.invalid_output.path == str(out / where)
        assert str(out / where) in error.message
        assert os.listdir(stage / "stage") == []


def test_outputs_in_several_folders_are_not_staged(stage):
    stager = Stager(str(stage / "stage"), False, [])
    assert stager.can_take({"output": triplet("o/a"), "output_b": triplet("o/b"), "extra": 1})
    assert not stager.can_take({"output": triplet("o/a"), "output_b": triplet("p/a")})
    assert not stager.can_take({"output": triplet(stage / "out")})


@pytest.mark.parametrize("suffix", [None, "a"])
def test_an_output_that_is_older_than_an_input_is_not_finished(tmp_path, suffix):
    times = {"in": 2, "more": 2, "out": 3, "out.a": 3}

    def finished(redo, **changes):
        for name, time in {**times, **changes}.items():
            (tmp_path / name).touch()
            os.utime(tmp_path / name, ns=(time, time))
        files = {"input": "in", "input_more": "more", "input_gone": "gone", "output": "out", "output_a": "out.a"}
        item = {"input_none": None, **{key: triplet(tmp_path / name) for key, name in files.items()}}
        return io.FinishCheckByOutputFileExistence(suffix, redo=redo).is_executed(**item)

    assert finished("newer") and finished("newer", **{"in": 3})
    assert not finished("newer", **{"in": 4}) and not finished("newer", more=4)
    assert finished(None, **{"in": 4})
    # The file that is looked for counts.
    assert finished("newer", **{"out" if suffix else "out.a": 1})


def test_asking_makes_no_folder(tmp_path):
    mode = io.OutputByFilenameSubfoldering({"a": "a.txt"})
    template = template_of(hard_shard_mode=io.NoHardShard("in", str(tmp_path / "out")), output_mode=mode,
                           finish_check_mode=io.FinishCheckByOutputFileExistence())  # fmt: skip
    task = template.install()([])
    item = {"input": io.FileTriplet("in/x", ".", "x")}
    assert task.is_executed(**item) is False and not (tmp_path / "out").exists()
    task.process(**item)
    assert task.is_executed(**item) is True
    assert json.loads(json.dumps(item["input"].to_dict())) == {"path": "in/x", "rel_dir": ".", "file_name": "x"}
