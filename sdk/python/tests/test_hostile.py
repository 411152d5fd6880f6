"""What a host could send that no host should: errors, never a crash. Every case comes from a seed that is in its name."""

import argparse
import copy
import json
import os
import pickle
import random

import pytest

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve import items as wire
from kagurazaka._serve import nodes
from kagurazaka._serve.heartbeat import Heartbeat
from kagurazaka._serve.listed import Listed
from kagurazaka._serve.opened import OpenedTask, open_task
from kagurazaka._serve.running import Runner
from kagurazaka._serve.taskfile import TaskFile
from kagurazaka.template import io
from kagurazaka.template._template import ATTRIBUTE
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER

# task fuzz tries more of them.
SEEDS = range(int(os.environ.get("KAGURAZAKA_FUZZ_SEEDS", "12")))
ROUNDS = 150

LINES = [
    b'{"i":1}',
    b'{"input":{"path":"in/a","rel_dir":"","file_name":"a"},"output":{"path":"/o/a.x","rel_dir":"","file_name":"a.x"}}',
    b'{"input":{"path":1,"rel_dir":null,"file_name":[]}}',
    b"{}",
    b"[1,2]",
    b"7",
    b"null",
    b'"text"',
    b'{"i":1},{"i":2}',
    b"[1",
    b"2]",
    b'{"a":',
    b"",
    b"\xff",
    b'{"a":NaN}',
    b"[" * 5000,
    b'{"self":1,"a b":2,"":3}',
    b'{"output":5,"output_x":{"path":"p"}}',
]
NUMBERS = [0, 0, 0, 1, 1, 2, 3, 5, 30, 70000, 2**32 - 1]


class Plain(KagurazakaTask):
    def __init__(self):
        pass

    def process(self, i=0, **item):
        assert isinstance(i, int)


def template(mode, left_open=KAGURAZAKA_MIXIN_PLACEHOLDER):
    decorate = moemoecue_normal(
        hard_shard_mode=io.NoHardShard(left_open, "/o"),
        input_mode=io.InputByExts(exts=[".txt", left_open]),
        output_mode=mode,
    )
    return getattr(decorate(type("Templated", (Plain,), {})), ATTRIBUTE)


def runner(native):
    made = template(io.OutputByApendingExt(".x"), "in") if native else None
    if native:
        made.install()
    task = made.cls() if native else Plain()
    return Runner(OpenedTask(task, made, None, native), Heartbeat(""), Listed([{"i": i} for i in range(10)]))


def part(rng):
    made = pb.Part(skip=rng.choice(NUMBERS[:9]), take=rng.choice(NUMBERS))
    kind = rng.randrange(8)
    if kind == 0:
        made.range.first = rng.choice([0, 3, 9, 10, 2**64 - 1])
        made.range.count = rng.choice(NUMBERS)
    elif kind == 1:
        block = [{"i": 1}, {"i": "x"}, 5, None, {1: 2}][: rng.randrange(6)]
        payload = rng.choice([pickle.dumps(block), pickle.dumps({}), pickle.dumps(block)[:-3], b"", b"\x80\x05."])
        made.block.MergeFrom(pb.Block(encoding=pb.ENCODING_OPAQUE, count=rng.choice(NUMBERS), payload=payload))
    elif kind < 7:
        lines = rng.choices(LINES, k=rng.randrange(8))
        count = len(lines) if rng.random() < 0.7 else rng.choice(NUMBERS)
        payload = bytearray(b"\n".join(lines))
        if payload and rng.random() < 0.2:
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        encoding = pb.ENCODING_JSON_LINES if rng.random() < 0.95 else 0
        made.block.MergeFrom(pb.Block(encoding=encoding, count=count, payload=bytes(payload)))
    return made


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_chunks(seed, native):
    rng = random.Random(seed)
    serve = runner(native)
    answered = 0
    for number in range(ROUNDS):
        slot = rng.choice([0, 1, 2, 3, 3, 4]) if rng.random() < 0.2 else 0
        chunk = pb.Chunk(id=number, slot=slot, parts=[part(rng) for _ in range(rng.randrange(4))])
        try:
            result = pb.RunResponse.FromString(serve.run(pb.RunRequest(chunk=chunk).SerializeToString())).result
        except wire.Malformed as error:
            assert str(error)
            continue
        answered += 1
        assert result.id == number
        expected = sum(p.range.count if p.HasField("range") else wire.count_of(p) for p in chunk.parts)
        assert result.count == expected
        indexes = [failure.index for failure in result.failures]
        indexes += [i for span in result.skipped for i in range(span.first, span.first + span.count)]
        assert len(set(indexes)) == len(indexes) and all(0 <= i < expected for i in indexes)
        assert all(failure.error.message for failure in result.failures)
    assert answered > ROUNDS / 10


def test_one_item_that_cannot_be_read_fails_alone():
    lines = [b'{"i":0}', b'{"i":', b"[1]", b'{"i":3}']
    block = pb.Block(encoding=pb.ENCODING_JSON_LINES, count=6, payload=b"\n".join(lines))
    request = pb.RunRequest(chunk=pb.Chunk(id=1, parts=[pb.Part(block=block)]))
    result = pb.RunResponse.FromString(runner(False).run(request.SerializeToString())).result
    assert result.count == 6
    said = {failure.index: failure.error.message for failure in result.failures}
    assert sorted(said) == [1, 2, 4, 5]
    assert "not JSON:" in said[1] and "not a JSON object" in said[2] and "fewer items" in said[4]


@pytest.mark.parametrize("seed", SEEDS)
def test_messages_with_wrong_bytes(seed):
    rng = random.Random(seed)
    serve = runner(False)
    block = pb.Block(encoding=pb.ENCODING_JSON_LINES, count=2, payload=b"\n".join(LINES[:2]))
    good = pb.RunRequest(chunk=pb.Chunk(id=1, slot=1, parts=[pb.Part(block=block, skip=1)])).SerializeToString()
    for _ in range(ROUNDS):
        message = bytearray(good)
        for _ in range(1 + rng.randrange(3)):
            message[rng.randrange(len(message))] = rng.randrange(256)
        try:
            pb.RunRequest.FromString(bytes(message))
        except Exception:
            continue  # the library refuses it
        try:
            pb.RunResponse.FromString(serve.run(bytes(message)))
        except wire.Malformed:
            pass


def node(rng, depth=0):
    kind = rng.randrange(7 if depth < 4 else 3)
    if kind == 0:
        return pb.Node(placeholder=pb.Placeholder())
    if kind < 3:
        texts = ['"x"', "1", "[1,2]", '{"a":1}', "null", "NaN", "{", "", "[" * 3000, '{"input_path":2}']
        return pb.Node(json=rng.choice(texts))
    if kind == 3:
        return pb.Node(list=pb.NodeList(nodes=[node(rng, depth + 1) for _ in range(rng.randrange(3))]))
    if kind == 4:
        return pb.Node(map=pb.NodeMap(fields=fields(rng, depth + 1)))
    if kind == 5:
        names = ["NoHardShard", "InputByExts", "InputByGlob", "SoftShard", "Nothing", "", "OutputByApendingExt", "Task"]
        return pb.Node(mode=pb.Mode(name=rng.choice(names), custom=rng.random() < 0.3, fields=fields(rng, depth + 1)))
    return pb.Node()


def fields(rng, depth=0):
    names = ["hard_shard_mode", "soft_shard", "input_mode", "output_mode", "input_path", "exts", "ext", "", "__class__", "a b"]
    return [pb.Field(name=rng.choice(names), value=node(rng, depth)) for _ in range(rng.randrange(4))]


@pytest.mark.parametrize("seed", SEEDS)
def test_templates(seed):
    rng = random.Random(seed)
    applied = 0
    for _ in range(ROUNDS):
        made = template(io.OutputByReplacingExt(".y"))
        message = pb.Template(fields=fields(rng))
        try:
            nodes.apply(made, message, argparse)
        except Exception as error:  # which open_task turns into the answer; BaseException would end the process
            assert not isinstance(error, AssertionError)
        else:
            applied += 1
    assert applied > ROUNDS / 10


TASK = """
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template import io

@moemoecue_normal(
    hard_shard_mode=io.NoHardShard("in", "out"), input_mode=io.InputByExts([".x"]), output_mode=io.OutputByApendingExt(".y"),
)
class Templated(KagurazakaTask):
    def __init__(self, args):
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int, default=1)
        self.args = parser.parse_args(args)
    def process(self, input, output):
        pass

class Plain(KagurazakaTask):
    def __init__(self, args):
        pass
    def generate_tasks(self):
        return []
    def process(self):
        pass

def factory(mixin):
    return mixin["class"]
"""


@pytest.mark.parametrize("seed", SEEDS)
def test_opening(seed, tmp_path):
    rng = random.Random(seed)
    path = tmp_path / "task.py"
    path.write_text(TASK)
    (tmp_path / "stage").mkdir()
    file = TaskFile(str(path))
    opened_once = False
    for _ in range(40):
        request = pb.OpenRequest(
            task=rng.choice(["Templated", "Templated", "Plain", "factory", "Nothing", "", "__name__", "io"]),
            args=rng.choices(
                ["--size", "3", "x", "", "--size=4", "--help", "\udc80".encode("utf-8", "replace").decode()], k=rng.randrange(3)
            ),
            mixin_json=rng.choice([b"", b"{}", b"{", b"[]", b'{"hard_shard_mode":{"input_path":"z"}}', b"5", b"\xff", b"[" * 5000]),
            native_template=rng.random() < 0.5,
            stage=rng.randrange(5),
        )
        if rng.random() < 0.4:
            request.template.CopyFrom(pb.Template(fields=fields(rng)))
        if rng.random() < 0.3:
            request.staging.dir = str(tmp_path / rng.choice(["stage", "nowhere", "task.py"]))
        opened, error = open_task(file, request)
        assert (opened is None) == (error is not None)
        if error is not None:
            assert error.message
            error.SerializeToString()
        opened_once = opened_once or opened is not None
    assert opened_once


def test_seeds_are_what_they_say():
    """The same seed makes the same case, so that a failure can be looked at again."""
    first, again = random.Random(3), random.Random(3)
    assert [part(first) for _ in range(20)] == [part(again) for _ in range(20)]
    assert json.dumps(str(fields(first))) == json.dumps(str(fields(copy.copy(again))))
