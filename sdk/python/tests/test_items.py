"""Items on the wire and lists in memory."""

import collections
import json
import marshal
import os
import pathlib
import pickle
import subprocess
import sys

import numpy
import pytest

from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve import items as wire
from kagurazaka._serve import listed
from kagurazaka._serve.identity import content_key, pickled
from kagurazaka.template.io import FileTriplet

EXACT = [
    {},
    {"a": 1, "b": "text", "c": 1.5, "d": True, "e": None},
    {"text": "}\n{ \x00 , \u2028 é 😀", "big": 10**400, "minus": -0.0, "tiny": 5e-324},
    {"nested": {"list": [1, [2, {"x": []}]], "": {}}},
    {"half": "a\udcffb\ud800"},
    {"input": FileTriplet("in/./a\udcff.txt", ".", "a\udcff.txt"), "output_x": FileTriplet("o", "", "o")},
    {"input": {"path": "p", "other": 1}},
]
shared = [1]
INEXACT = [
    {"t": (1, 2)},
    {"p": pathlib.Path("x")},
    {"b": b"bytes"},
    {"s": {1}},
    {"nan": float("inf")},
    {1: "key"},
    {"o": collections.OrderedDict(a=1)},
    {"pair": "\ud83d\ude00"},
    {"a": shared, "b": shared},
    {"input": {"path": "p", "rel_dir": "r", "file_name": "f"}},
    {"elsewhere": FileTriplet("a", "b", "c")},
    ["no dict"],
]


def same(a, b):
    return type(a) is type(b) and repr(a) == repr(b)


def through(items, **limits):
    blocks = [sent.block for sent in wire.Encoder(limits.get("max_items", 100), limits.get("max_bytes", 1 << 20)).blocks(items)]
    back = []
    for block in blocks:
        decoded = wire.decode_part(pb.Part(block=block))
        assert len(decoded) == block.count
        if block.encoding == pb.ENCODING_JSON_LINES:
            for line in block.payload.split(b"\n"):
                line.decode()
                json.loads(line)
            for item in decoded:
                wire.restore_triplets(item, True)
        back += decoded
    return blocks, back


@pytest.mark.parametrize("item", EXACT, ids=repr)
def test_exact_items_travel_as_json(item):
    blocks, back = through([item, {"between": 1}, item])
    assert [b.encoding for b in blocks] == [pb.ENCODING_JSON_LINES]
    assert same(back, [item, {"between": 1}, item])


@pytest.mark.parametrize("item", INEXACT, ids=repr)
def test_other_items_are_pickled(item):
    blocks, back = through([{"plain": 1}, item])
    assert {b.encoding for b in blocks} == {pb.ENCODING_OPAQUE}
    assert list(blocks[0].keys)[0] == '{"plain": 1}' and len(blocks[0].keys) == 2
    assert same(back, [{"plain": 1}, item])


def test_sharing_inside_an_opaque_item_survives():
    _, back = through([{"a": shared, "b": shared}])
    assert back[0]["a"] is back[0]["b"]


def test_flat_items_are_told_apart_whatever_their_text():
    items = [{"a": "}\n{", "b": '"},{"'}, {}, {"x": "\\n"}, {"i": 1, "j": 2}]
    assert wire.encode_lines(items).split(b"\n") == [json.dumps(i, separators=(",", ":")).encode() for i in items]


def test_blocks_keep_to_their_limits():
    blocks, back = through([{"i": i, "text": "x" * 100} for i in range(100)], max_bytes=1000)
    assert all(len(b.payload) <= 1000 for b in blocks) and len(back) == 100
    blocks, back = through([{"i": (i,), "text": "x" * 5000} for i in range(100)])
    assert all(len(b.payload) <= wire.OPAQUE_BYTES for b in blocks) and len(back) == 100
    blocks, _ = through([{"i": (i,)} for i in range(100)])
    assert [b.count for b in blocks] == [64, 36]
    blocks, back = through([{"long": "x" * 3000}], max_bytes=1000)
    assert len(blocks) == len(back) == 1


@pytest.mark.parametrize(
    "skip, take, expected",
    [(0, 0, [0, 1, 2, 3]), (1, 0, [1, 2, 3]), (1, 2, [1, 2]), (3, 1, [3]), (0, 4, [0, 1, 2, 3])],
)
@pytest.mark.parametrize("opaque", [False, True])
def test_parts_of_blocks(skip, take, expected, opaque):
    items = [{"i": i} for i in range(4)]
    payload = pickle.dumps(items) if opaque else wire.encode_lines(items)
    block = pb.Block(encoding=pb.ENCODING_OPAQUE if opaque else pb.ENCODING_JSON_LINES, count=4, payload=payload)
    assert [item["i"] for item in wire.decode_part(pb.Part(block=block, skip=skip, take=take))] == expected


def test_show_never_fails():
    class Hostile:
        def __repr__(self):
            raise RuntimeError

    assert wire.show({"a": 1, "t": FileTriplet("p", "r", "f")}) == '{"a": 1, "t": {"path": "p", "rel_dir": "r", "file_name": "f"}}'
    assert wire.show({"h": Hostile()}) == "<dict>"
    assert wire.show({"s": "\udcff"}) == '{"s": "\\udcff"}'
    assert len(wire.show({"s": "x" * 9999})) == 2000


class Text(str):
    pass


def flat_items(count):
    return [{"i": i, "path": f"/data/{i}", "x": i / 3, "n": None, "b": i % 2 == 0} for i in range(count)]


@pytest.fixture(params=[listed.Listed, listed.LongList])
def share(request):
    return request.param


def test_lists_are_long_by_their_size(monkeypatch):
    assert type(listed.listed(flat_items(100_000))) is listed.Listed
    monkeypatch.setattr(listed, "LONG", 100_000 * 100)
    assert type(listed.listed(flat_items(100_000))) is listed.LongList
    assert type(listed.listed(flat_items(99_999))) is listed.Listed


def test_a_list_has_the_items_that_are_asked_for(share):
    items = flat_items(100_500)
    kept = share(items)
    assert len(kept) == 100_500
    for first, count in ((0, 10), (1000, 100), (1024, 1024), (1023, 2), (100_400, 100), (5000, 16384)):
        assert same(list(kept.slice(first, count)), items[first : first + count])
        assert same(list(kept.copies(first, count)), items[first : first + count])
    assert next(iter(kept.slice(7, 1))) is items[7]


@pytest.mark.parametrize("place", [0, 500, 999])
@pytest.mark.parametrize("odd", [[1], (1,), b"1", bytearray(b"1"), Text("a"), numpy.str_("a"), {"a": {}}])
def test_copies_of_items_that_are_not_plain_have_their_types(share, place, odd):
    items = flat_items(1000)
    items[place]["odd"] = odd
    kept = share(items)
    assert same(list(kept.copies(0, 1000)), items)
    assert next(iter(kept.slice(place, 1)))["odd"] is odd


def test_what_a_worker_changes_in_one_item_is_not_in_another(share):
    shared, unpicklable = {"format": "png"}, {"f": lambda: 0}
    items = [*flat_items(1000), *({"options": shared} for _ in range(3)), unpicklable, "not an item"]
    kept = share(items)
    assert same(list(kept.copies(900, 105)), items[900:])
    for item in kept.copies(1000, 3):
        assert item["options"].pop("format") == "png"
    assert next(iter(kept.copies(1003, 1))) is unpicklable


KEYS = """
import collections, dataclasses, pathlib
from kagurazaka._serve.identity import content_key, pickled
from kagurazaka._serve.items import show
from kagurazaka.template.io import FileTriplet, SoftShardByHash


@dataclasses.dataclass
class Job:
    tags: set
    number: int


class Tags(set):
    pass


items = [
    {"n": 1, "tags": {"a", "b", "c"}}, {"job": Job({"x", "y", "z"}, 3)}, {"f": frozenset("qwe"), "nested": [{("a", 1), ("b", 2)}]},
    {"own": Tags("123")}, {"path": pathlib.Path("x")}, (1, "b"), {"keys": {frozenset("ab"): 1}}, {"input": FileTriplet("a", "b", "c")},
    {"count": collections.Counter("abc")}, {"sets": {frozenset("xyz"), frozenset("abc")}}, {"bytes": b"\\x8f"},
]
shard = SoftShardByHash(0, 1000)
shard.check_in_shard = lambda number: number
print([content_key(item) for item in items], [key for item in items for key in pickled([item])[1]], show(items[0]),
      shard.check_item(items[0]), shard.check_item(items[2]))
"""


def test_keys_are_the_same_in_every_process():
    def run(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run([sys.executable, "-c", KEYS], env=environment, capture_output=True, text=True, check=True).stdout

    told = {run(seed) for seed in ("0", "1", "2", "random")}
    assert len(told) == 1
    keys, rest = told.pop().split("] [")
    assert len(set(keys.split(", "))) == 11 and keys.strip("[") == rest.split("]")[0]


def test_different_items_have_different_keys():
    items = [{"a": {"1"}}, {"a": ["1"]}, {"a": frozenset(["1"])}, {"a": {1}}, {"a": ()}, {"a": set()}, {"b": {"1"}}, {"a": [{"1"}]}]
    assert len({content_key(item) for item in items}) == len(items)
    # In a block or alone, beside others or not.
    assert pickled(items)[1] == [content_key(item) for item in items]
    assert pickled(items[1:2] * 3)[1] == [content_key(items[1])] * 3


MARSHALLED = [
    [{}],
    [{"a": 1, "b": "text", "d": True, "e": None}, {"é": "😀", "big": -(10**5000)}],
    [{"a": 1, "b": 2}, {"b": 1, "a": "x"}, {"b": 1, "c": None}],
]
NOT_MARSHALLED = [
    [{"a": 1.5}],
    [{"a": "half \udc80"}],
    [{"a": {}}],
    [{"a": b"bytes"}],
    [{"a": bytearray(b"bytes")}],
    [{1: "key"}],
    [{"a": 1}, {Text("a"): 1}],
    [{"a": 1, "b": 2}, {"a": 1, "b": 1.5}],
    [{"a": 1}, {"b": 1.5}],
    [{"a": 1}, {1: 1}],
    [{"a": 1}, {numpy.str_("a"): 1}],
    [()],
    [""],
    [bytearray()],
    [{"a": Text("b")}],
    [collections.OrderedDict(a=1)],
    [1],
]


@pytest.mark.parametrize("items", MARSHALLED)
def test_plain_items_are_marshalled_where_the_host_reads_that(items):
    (block,) = [sent.block for sent in wire.Encoder(100, 1 << 20, accept_marshal=True).blocks(items)]
    assert block.encoding == pb.ENCODING_MARSHAL and block.count == len(items)
    assert marshal.loads(block.payload) == items
    assert wire.decode_part(pb.Part(block=block)) == items


@pytest.mark.parametrize("items", [*NOT_MARSHALLED, *([item] for item in INEXACT)], ids=repr)
def test_items_of_which_the_host_could_not_make_json_are_not_marshalled(items):
    sent = wire.Encoder(100, 1 << 20, accept_marshal=True).blocks(items)
    assert all(response.block.encoding != pb.ENCODING_MARSHAL for response in sent)


def test_integers_of_any_length_are_read():
    limit = sys.get_int_max_str_digits()
    text = b'{"a":' + b"9" * 5000 + b"}"
    assert wire.decode_lines(text) == [{"a": 10**5000 - 1}]
    assert sys.get_int_max_str_digits() == limit
