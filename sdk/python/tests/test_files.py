"""Items that are files: read without a JSON parser, staged without a wrapper."""

import json
import os
import random

import pytest

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve import items as wire
from kagurazaka._serve.files import Files, Reader, Samples
from kagurazaka._serve.heartbeat import FAILED, Heartbeat
from kagurazaka._serve.opened import OpenedTask
from kagurazaka._serve.running import Runner
from kagurazaka.template import _state, io
from kagurazaka.template._template import ATTRIBUTE

NAMES = ["a.txt", "b", "é 😀.txt", ".hidden", "two.dots.txt", "x" * 200, "{}", "a,b:c.txt", " ", "\u2028.txt"]
HARD_NAMES = ['quo"te.txt', "back\\slash.txt", "new\nline.txt", "half\udcff.txt", "a/b.txt", ""]


def triplet(folder, rel_dir, name):
    return {"path": os.path.join(folder, rel_dir, name), "rel_dir": rel_dir, "file_name": name}


def line_of(rel_dir, name, out, **more):
    item = {"input": triplet("in/.", rel_dir, name), "output": triplet("/o", rel_dir, out), **more}
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(item, separators=(",", ":")).encode()


def part(lines, **more):
    block = pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(lines), payload=b"\n".join(lines))
    return pb.Part(block=block, **more)


def template_of(mode, cls=KagurazakaTask, input_mode=None):
    return getattr(moemoecue_normal(hard_shard_mode=io.NoHardShard("in", "/o"), input_mode=input_mode, output_mode=mode)(cls), ATTRIBUTE)


def read(template, chunk_part):
    return Reader(OpenedTask(None, template, None, True)).read(chunk_part)


def flattened(pieces):
    return [item for items in pieces for item in items]


def parsed(chunk_part):
    items = wire.decode_part(chunk_part)
    for item in items:
        wire.restore_triplets(item, True)
    return items


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("stems", [False, True])
def test_what_is_read_is_what_the_parser_reads(stems, seed):
    draw = random.Random(seed)
    mode = io.OutputByReplacingExt(".out") if stems else io.OutputByApendingExt(".out")
    lines = []
    for folder in range(draw.randrange(1, 6)):
        rel_dir = draw.choice([".", "d", f"é/{folder}", f"{folder}"])
        for _ in range(draw.choice([1, 2, 5, 30])):
            name = draw.choice(NAMES if draw.random() < 0.98 else HARD_NAMES)
            out = (os.path.splitext(name)[0] if stems else name) + ".out"
            odd = draw.random()
            if odd < 0.01:
                lines.append(line_of(rel_dir, name, "another name"))
            elif odd < 0.02:
                lines.append(line_of(rel_dir, name, out, size=7))
            else:
                lines.append(line_of(rel_dir, name, out))
    cut = {} if draw.random() < 0.5 else {"skip": draw.randrange(len(lines)), "take": 0}
    chunk_part = part(lines, **cut)
    expected = parsed(chunk_part)
    pieces = read(template_of(mode), chunk_part)
    assert repr(flattened(pieces)) == repr(expected) and sum(map(len, pieces)) == len(expected)


def test_a_folder_is_read_as_files():
    lines = [line_of(rel_dir, f"{i}.txt", f"{i}.txt.x") for rel_dir in ("a", "b") for i in range(20)]
    pieces = read(template_of(io.OutputByApendingExt(".x")), part(lines))
    assert [(type(files), len(files)) for files in pieces] == [(Files, 20), (Files, 20)]
    assert (pieces[1].folder, pieces[1].out_folder) == ("in/./b/", "/o/b/")


@pytest.mark.parametrize("name", HARD_NAMES)
def test_hard_names_are_left_to_the_parser(name):
    lines = [line_of("d", other, other + ".x") for other in ("a", "b", name, "c")]
    pieces = read(template_of(io.OutputByApendingExt(".x")), part(lines))
    assert repr(flattened(pieces)) == repr(parsed(part(lines)))
    assert name not in [n for files in pieces if type(files) is Files for n in files.names]


def test_lines_of_a_users_file_stay_what_they_are():
    template = template_of(io.OutputByApendingExt(".x"), input_mode=io.InputFromWhateverJsonl("lines.jsonl"))
    pieces = read(template, part([line_of("d", "a", "a.x")] * 9))
    assert all(type(item["input"]) is dict and type(item["output"]) is io.FileTriplet for item in flattened(pieces))


class Writing(KagurazakaTask):
    """Does with its output what the input's name says."""

    saved = None
    begun = staticmethod(lambda name: None)

    def process(self, input, output, **kwargs):
        self.begun(input.file_name)
        what = input.file_name.partition("-")[0]
        assert type(input) is type(output) is io.FileTriplet and not kwargs and not os.path.exists(output.path)
        if what in ("write", "fail", "end"):
            open(output.path, "w").close()
        if what == "more":
            open(output.path + ".json", "w").close()
        if what == "save":
            type(self).saved = output
        if what == "late":
            open(self.saved.path, "w").close()
        if what == "fail":
            raise RuntimeError(what)
        if what == "end":
            raise SystemExit(3)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker of Writing whose outputs go below tmp_path/out, and the outcome of a chunk by files' names."""
    monkeypatch.setattr(_state, "stager", None)
    (tmp_path / "stage").mkdir()
    template = template_of(io.OutputByApendingExt(".o"), type("Task", (Writing,), {"process": Writing.process}))
    template.fields["hard_shard_mode"].output_path = str(tmp_path / "out")
    opened = OpenedTask(template.install()([]), template, None, True)
    opened.prepare_outputs(pb.OpenRequest(staging=pb.Staging(dir=str(tmp_path / "stage"), last=["output"])))
    runner = Runner(opened, Heartbeat(""))
    assert runner.direct is not None

    def run(*folders):
        lines = []
        for rel_dir, names in folders:
            for name in names:
                item = {"input": triplet("in", rel_dir, name), "output": triplet(str(tmp_path / "out"), rel_dir, name + ".o")}
                lines.append(json.dumps(item, separators=(",", ":")).encode())
        half = len(lines) // 2
        chunk = pb.Chunk(id=7, slot=1, parts=[part(lines, take=half), part(lines, skip=half)])
        return pb.RunResponse.FromString(runner.run(pb.RunRequest(chunk=chunk).SerializeToString())).result

    run.page = runner.heartbeat.page
    run.out = lambda: sorted(os.path.relpath(os.path.join(f, n), tmp_path / "out") for f, _, ns in os.walk(tmp_path / "out") for n in ns)
    run.staging = tmp_path / "stage"
    return run


def test_each_item_is_committed_on_its_own(worker):
    names = ["no-1", "write-2", "no-3", "fail-4", "more-5", "save-6", "late-7", "end-8", "no-9", "write-10"]
    result = worker(("d", names), ("e/f", names[:4]))
    assert worker.out() == ["d/more-5.o.json", "d/save-6.o", "d/write-10.o", "d/write-2.o", "e/f/write-2.o"]
    assert os.listdir(worker.staging) == []
    assert (result.id, result.count) == (7, 14)
    assert [f.index for f in result.failures] == [3, 7, 13]
    assert [f.error.WhichOneof("detail") for f in result.failures] == ["item", "panic", "item"]
    at = 4096 + 16384
    assert [i for i in range(14) if worker.page[at + i] == FAILED] == [3, 7, 13]


def test_an_output_is_committed_before_the_next_item_begins(worker, monkeypatch):
    there = {}
    monkeypatch.setattr(Writing, "begun", staticmethod(lambda name: there.update({name: worker.out()})))
    worker(("d", ["write-1", "write-2", "no-3", "no-4"]))
    one, two = "d/write-1.o", "d/write-2.o"
    assert there == {"write-1": [], "write-2": [one], "no-3": [one, two], "no-4": [one, two]}


def test_an_output_that_cannot_be_committed_is_a_failure(worker):
    os.makedirs(worker.staging.parent / "out" / "d" / "write-2.o" / "x")
    result = worker(("d", ["write-1", "write-2", "write-3", "write-4"]))
    assert [f.index for f in result.failures] == [1] and os.listdir(worker.staging) == []
    assert worker.out() == ["d/write-1.o", "d/write-3.o", "d/write-4.o"]


@pytest.mark.parametrize("keys", [None, {"t": ".TXT"}, {"t": "seg.png"}])
def test_samples_of_one_member_are_read_as_the_parser_reads_them(keys):
    template = template_of(io.OutputByTar(keys=keys), input_mode=io.InputByExts(None))
    lines = []
    for name in [*NAMES, "100%.txt", "a~0.jpg", "ends."]:
        stem, ext = os.path.splitext(name)
        ext = keys["t"].lower().removeprefix(".") if keys else ext[1:] or "bin"
        member = stem.replace("%", "%25").replace(".", "%2E") + "." + ext
        out = {"path": f"/o/.kagurazaka-tar/samples/d/{name}~0.{ext}", "rel_dir": "d", "file_name": member}
        lines.append(line_of("d", name, "", **{"output": out, **({"output_t": out} if keys else {})}))
    whole = part(lines * 3)
    pieces = read(template, whole)
    assert [(type(samples), len(samples)) for samples in pieces] == [(Samples, len(lines) * 3)]
    assert flattened(pieces) == parsed(whole)
    # A line of another form, and names that need escapes, go to the parser.
    for other in (line_of("d", "a.txt", "b"), line_of("d", 'quo"te.txt', "b"), lines[0].replace(b"~0.", b"~1.")):
        mixed = part([*lines, other, *lines])
        assert flattened(read(template, mixed)) == parsed(mixed)
