"""InputByTar and webdataset read the same samples from archives that webdataset writes."""

from __future__ import annotations

import ast
import json
import posixpath
import random
import tarfile
from pathlib import Path
from typing import Any, Iterator

import pytest
from builthost import kagurazaka

EXTS = ["id", "jpg", "seg.png", "Seg.TIFF", "TXT", "tar.gz.txt", "ä.Ö", "キー.json", "x y", "cls"]
FOLDERS = ["", "deep/", "a.b/c.d/", "UPPER/", "süß/日本/", "with space/'quoted\"/", "l" * 60 + "/" + "m" * 60 + "/"]
STEMS = ["b", "B", "ß", "鍵", "-x", "a b", "100%", "#1", "*[x]"]

TASK = """
import os
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputByTar, NoHardShard

@moemoecue_normal(NoHardShard("in", None), input_mode=InputByTar("*.tar", {keys!r}, required=["e0"], members={members!r}))
class Read(KagurazakaTask):
    def process(self, input, members=None, **fields):
        found = {{}}
        for name, value in fields.items():
            if value is not None and not isinstance(value, bytes):
                with open(value.path, "rb") as file:
                    value = file.read()
            if value is not None:
                found[name.removeprefix("input_")] = value
        with open(f"read-{{os.getpid()}}", "a") as file:
            print(ascii((os.fsencode(input.rel_dir), os.fsencode(input.file_name), found)), file=file)
"""


def made(generator: random.Random) -> Iterator[dict[str, Any]]:
    """Samples as webdataset takes them: unlike in their extensions, and each with the first one."""
    for folder in FOLDERS:
        for stem in STEMS:
            exts = EXTS[:1] + generator.sample(EXTS[1:], generator.randrange(len(EXTS)))
            yield {
                "__key__": folder + stem,
                "__note__": "webdataset writes no such member",
                **{ext: generator.randbytes(generator.choice([0, 1, 511, 512, 513, 20_000])) for ext in exts},
            }


@pytest.mark.parametrize("way", ["paths", "bytes"])
@pytest.mark.parametrize("form", ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
def test_all_samples_are_those_of_webdataset(tmp_path: Path, form: str, way: str) -> None:
    # Not at the top: the tests with torch have an environment without it.
    from webdataset import ShardWriter, WebDataset

    (tmp_path / "in").mkdir()
    samples = list(made(random.Random(7)))
    if form != "USTAR_FORMAT":
        samples.append({"__key__": "long/" + "n" * 300, "id": b"1", "TXT": b"2"})
        samples.append({"__key__": "\udcff\udcfe/name\udc80", "id": b"1", "TXT": b"2"})
    with ShardWriter(f"{tmp_path}/in/%03d.tar", maxcount=20, encoder=False, verbose=0, format=form) as writer:
        for sample in samples:
            writer.write(sample)
    shards = sorted((tmp_path / "in").iterdir())
    assert len(shards) == 4

    theirs = {}
    for sample in WebDataset([str(shard) for shard in shards], shardshuffle=False, empty_check=False):
        shard = Path(sample["__url__"]).stem
        theirs[posixpath.join(shard, sample["__key__"])] = {k: v for k, v in sample.items() if not k.startswith("__")}
    assert len(theirs) == len(samples) and all(set(v) <= {ext.lower() for ext in EXTS} for v in theirs.values())

    ids = {f"e{number}": ext for number, ext in enumerate(EXTS)}
    (tmp_path / "task.py").write_text(TASK.format(keys=ids, members=way))
    told = kagurazaka("task.py", "Read", "--num_process", "2", cwd=tmp_path)
    assert told.code == 0, told.log
    ours = {}
    for file in tmp_path.glob("read-*"):
        for line in file.read_text().splitlines():
            rel_dir, name, found = ast.literal_eval(line)
            key = (rel_dir + b"/" + name.partition(b".")[0]).decode(errors="surrogateescape")
            assert key not in ours
            ours[key] = {ids[name].lower(): value for name, value in found.items()}
    assert ours == theirs

    # They come in webdataset's order, too.
    told = kagurazaka("export", "task.py", "Read", "--out", "list.jsonl", cwd=tmp_path)
    assert told.code == 0, told.log
    listed = [json.loads(line)["input"] for line in (tmp_path / "list.jsonl").read_text().splitlines()]
    assert [posixpath.join(item["rel_dir"], item["file_name"].partition(".")[0]) for item in listed] == list(theirs)


def test_what_webdataset_passes_over_is_no_item(tmp_path: Path) -> None:
    from webdataset import WebDataset

    (tmp_path / "in").mkdir()
    names = ["__meta__/a.id", "__x__.id", "x__y__/a.id", "__MACOSX/a.id", "deep/__meta__/a.id", "b.ID", "none", ".id", "d.d/no", "c.other"]
    with tarfile.open(tmp_path / "in" / "0.tar", "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    theirs = [sample["__key__"] for sample in WebDataset(str(tmp_path / "in" / "0.tar"), shardshuffle=False) if "id" in sample]
    (tmp_path / "task.py").write_text(TASK.format(keys={"e0": "id"}, members="paths"))
    told = kagurazaka("export", "task.py", "Read", "--out", "list.jsonl", cwd=tmp_path)
    assert told.code == 0, told.log
    listed = [json.loads(line)["input"] for line in (tmp_path / "list.jsonl").read_text().splitlines()]
    assert [f"{item['rel_dir']}/{item['file_name']}" for item in listed] == ["0/" + key + ".id" for key in theirs[:-1]] + ["0/b.ID"]
    assert theirs == ["__x__", "x__y__/a", "__MACOSX/a", "deep/__meta__/a", "b"]


def test_a_sample_that_webdataset_would_split_is_an_error(tmp_path: Path) -> None:
    from webdataset import WebDataset

    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "0.tar", "w") as archive:
        for name in ["a.id", "b.other", "a.txt"]:
            archive.addfile(tarfile.TarInfo(name))
    assert [sample["__key__"] for sample in WebDataset(str(tmp_path / "in" / "0.tar"), shardshuffle=False)] == ["a", "b", "a"]
    (tmp_path / "task.py").write_text(TASK.format(keys={"e0": "id", "e1": "txt"}, members="paths"))
    told = kagurazaka("export", "task.py", "Read", "--out", "list.jsonl", cwd=tmp_path)
    assert told.code != 0
    assert "in/0.tar: member a.txt at 1024: another member of the sample a lies at 0, and others are between the two" in told.log


WRITE = """
import os
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import FinishCheckByOutputFileExistence, InputByExts, NoHardShard, OutputByTar

CHECK = FinishCheckByOutputFileExistence()

@moemoecue_normal(
    NoHardShard("in", "several"), input_mode=InputByExts(None), output_mode=OutputByTar(count=25, keys={keys!r}), finish_check_mode=CHECK
)
class Several(KagurazakaTask):
    def process(self, input, output, output_mask, output_image, output_text):
        assert output == output_image
        for file in (output_mask, output_image, output_text):
            # Every third sample has no text.
            if file is not output_text or len(input.file_name) % 3:
                with open(file.path, "wb") as out:
                    out.write(os.fsencode(input.path + file.rel_dir + file.file_name))

@moemoecue_normal(NoHardShard("in", "one"), input_mode=InputByExts(None), output_mode=OutputByTar(), finish_check_mode=CHECK)
class One(KagurazakaTask):
    def process(self, input, output):
        with open(output.path, "wb") as out:
            out.write(os.fsencode(input.path))
"""

NAMES = [
    "a.jpg", "a.v1.jpg", "a%2Ev1.jpg", ".hidden", ".other.jpg", "..two.jpg", "100%.jpg", "no extension", "ends.", "B.JPG", "鍵.png",
    "\udcff\udc80.jpg", "l" * 200 + ".jpg", "~.jpg", "a~0.jpg", "a~0.jpg~0.jpg", "with space.tar.gz", "__x__.jpg",
    "new\nline.jpg", '"quoted"\\.jpg',
]  # fmt: skip


def key_of(rel_dir: str, name: str) -> str:
    """The key that a sample of an input has to have."""
    stem = posixpath.splitext(name)[0]
    folders = [] if rel_dir == "." else rel_dir.split("/")
    if any("%" in folder for folder in folders) or folders and folders[0].startswith("__") and folders[0].endswith("__"):
        folders = [folder.replace("%", "%25") for folder in folders]
        if folders[0].startswith("__"):
            folders[0] = "%5F" + folders[0][1:]
    return "/".join([*folders, stem.replace("%", "%25").replace(".", "%2E")])


def test_webdataset_reads_what_is_packed(tmp_path: Path) -> None:
    from webdataset import WebDataset

    inputs = [(rel_dir, name) for rel_dir in (".", "deep/er", "v1.0", "__meta__", "5%", "m" * 100 + "/" + "n" * 100) for name in NAMES]
    for rel_dir, name in inputs:
        (tmp_path / "in" / rel_dir).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / rel_dir / name).touch()
    keys = {"image": "jpg", "mask": ".Seg.png", "text": "txt"}
    (tmp_path / "write.py").write_text(WRITE.format(keys=keys))
    for task in ("Several", "One"):
        told = kagurazaka("write.py", task, "--num_process", "2", cwd=tmp_path)
        assert told.code == 0, told.log
        assert told.last == f"done {len(inputs)}, skipped 0, failed 0"

    def read(folder: str) -> dict[str, dict[str, bytes]]:
        archives = sorted(map(str, (tmp_path / folder).glob("*.tar")))
        assert len(archives) == (5 if folder == "several" else 1)
        found: dict[str, dict[str, bytes]] = {}
        for sample in WebDataset(archives, shardshuffle=False, empty_check=False):
            assert sample["__key__"] not in found
            found[sample["__key__"]] = {name: value for name, value in sample.items() if not name.startswith("__")}
        return found

    several, one = {}, {}
    for rel_dir, name in inputs:
        key = key_of(rel_dir, name)
        path = f"in/{rel_dir}/{name}"
        folder, stem = posixpath.split(key)
        several[key] = {
            ext: (path + (folder or ".") + stem + "." + ext).encode(errors="surrogateescape")
            for ext in ("jpg", "seg.png", "txt")
            if ext != "txt" or len(name) % 3
        }
        ext = posixpath.splitext(name)[1][1:] or "bin"
        one[key] = {ext.lower(): path.encode(errors="surrogateescape")}
    assert len(several) == len(inputs)
    assert read("several") == several
    assert read("one") == one
