"""InputByTar: the samples of tar archives, read in place."""

from __future__ import annotations

import gc
import io
import json
import os
import random
import string
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from builthost import kagurazaka

from kagurazaka._serve import members, nodes
from kagurazaka.template.io import FileTriplet, InputByTar
from kagurazaka.template.task.torch_vanilla import ItemDataset
from kagurazaka.utils import tar

KEYS = {"image": [".jpg", "png"], "mask": "seg.png", "text": ".txt"}


def write(path: Path, *names: str, **options: Any) -> Path:
    with tarfile.open(path, "w", **options) as archive:
        for number, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = number
            archive.addfile(info, io.BytesIO(bytes([number]) * number))
    return path


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_where_tarfile_finds_them(tmp_path: Path, form: int) -> None:
    generator = random.Random(form)
    names = ["".join(generator.choices(string.ascii_letters + "/.-", k=generator.randrange(1, 90))).strip("/") or "x" for _ in range(200)]
    if form != tarfile.USTAR_FORMAT:
        names += ["l" * 300 + ".jpg", "d" * 200 + "/" + "ü" * 100 + ".jpg"]
    path = write(tmp_path / "x.tar", *names, format=form)
    with tarfile.open(path) as archive:
        want = [(m.name, m.offset, m.offset_data, m.size) for m in archive]
    got = [(m.name, m.header, m.offset, m.size) for m in tar.scan(os.fspath(path))]
    assert got == want


def test_archives_that_are_cut_short_are_errors(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.tar", "a.jpg", "b.jpg", "l" * 300 + ".txt", format=tarfile.GNU_FORMAT).read_bytes()
    # The end is two zero blocks; what follows is padding.
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for size in {*range(0, end, 61), *range(0, end, 512)}:
        (tmp_path / "x.tar").write_bytes(whole[:size])
        with pytest.raises(tar.BadArchive, match=f"^{tmp_path}/x.tar: .*at [0-9]+: "):
            list(tar.scan(os.fspath(tmp_path / "x.tar")))


@pytest.mark.parametrize(
    "names, message",
    [
        (["a.jpg", "b.jpg", "a.txt"], "member a.txt at 1536: another member of the sample a lies at 0, and others are between the two"),
        (["a.jpg", "a.txt", "a.JPG"], "member a.JPG at 1536: the sample a has such a member already, at 0"),
        (["../a.jpg"], "member ../a.jpg at 0: its path leads out of the archive"),
    ],
)
def test_samples_that_are_not_whole_are_errors(tmp_path: Path, names: list[str], message: str) -> None:
    path = write(tmp_path / "x.tar", *names)
    with pytest.raises(tar.BadArchive) as raised:
        list(tar.samples(os.fspath(path), KEYS))
    assert f"{path}: {message}" in str(raised.value)


def test_links_of_a_sample_are_errors(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("a.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "b.jpg"
        archive.addfile(link)
    with pytest.raises(tar.BadArchive, match="it is a link"):
        list(tar.samples(os.fspath(tmp_path / "x.tar"), KEYS))


def test_a_mode_in_python_lists_what_the_host_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "0.tar", "./a.jpg", "./a.txt", "b.txt", "x/c.png", "x/c.jpg", "x/c.seg.png", "x/c.json")
    items = InputByTar("*/*.tar", KEYS, required=["image"]).generate_tasks(os.fspath(tmp_path))
    at = f"{tmp_path}/sub/0.tar"
    a = FileTriplet(f"{at}/a.jpg", "sub/0", "a.jpg")
    c = FileTriplet(f"{at}/x/c.jpg", "sub/0/x", "c.jpg")
    data = Path(at).read_bytes()

    def spot(header: int, size: int) -> list[int]:
        return [header + 512, size, zlib.crc32(data[header : header + 512])]

    assert items == [
        {
            "input": a,
            "input_image": a,
            "input_mask": None,
            "input_text": FileTriplet(f"{at}/a.txt", "sub/0", "a.txt"),
            "members": {"tar": at, "input_image": spot(0, 0), "input_text": spot(512, 1)},
        },
        {
            "input": c,
            "input_image": c,
            "input_mask": FileTriplet(f"{at}/x/c.seg.png", "sub/0/x", "c.seg.png"),
            "input_text": None,
            "members": {"tar": at, "input_image": spot(3584, 4), "input_mask": spot(4608, 5)},
        },
    ]
    assert capsys.readouterr().err == f"1 sample lacks a required member and is left out: {at}/b\n"


def test_members_are_files_that_only_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGIN_UNIX_SOCKET_DIR", os.fspath(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    write(tmp_path / "0.tar", "x.json", "a.jpg", "a.txt")
    (item,) = InputByTar("*.tar", KEYS, required=["image"]).generate_tasks(os.fspath(tmp_path))
    paths = []

    def process(input: FileTriplet, input_image: FileTriplet, input_mask: None, input_text: FileTriplet) -> None:
        assert input == input_image and input.path.endswith("/a.jpg") and (input.rel_dir, input.file_name) == ("0", "a.jpg")
        assert Path(input.path).read_bytes() == b"\1" and Path(input_text.path).read_bytes() == b"\2\2"
        assert os.fspath(tmp_path / "run") in input.path and os.stat(input.path).st_nlink == 0
        assert input_mask is None
        paths.extend([input.path, input_text.path])

    reader = members.Reader(process)
    for _ in range(3):
        reader(**item)
    assert len(set(paths)) == 6 and not any(map(os.path.lexists, paths))

    def fails(**item: Any) -> None:
        paths.append(item["input"].path)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        members.Reader(fails)(**item)
    assert not os.path.lexists(paths[-1])
    del reader
    gc.collect()
    assert os.listdir(tmp_path / "run") == []


def test_members_as_bytes(tmp_path: Path) -> None:
    write(tmp_path / "0.tar", "x.json", "a.jpg", "a.txt")
    (item,) = InputByTar("*.tar", KEYS, required=["image"], members="bytes").generate_tasks(os.fspath(tmp_path))
    got = {}
    members.Reader(lambda **item: got.update(item))(**item)
    at = FileTriplet(f"{tmp_path}/0.tar/a.jpg", "0", "a.jpg")
    assert got == {"input": at, "input_image": b"\1", "input_mask": None, "input_text": b"\2\2"}


TASK = """
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import InputByTar, NoHardShard

@moemoecue_normal(NoHardShard("in", None), input_mode=InputByTar("*/*.tar", {keys!r}, required=["image"], members={members!r}))
class Read(KagurazakaTask):
    def process(self, **item):
        pass
"""


@pytest.mark.parametrize("way", [None, "bytes"])
def test_the_host_lists_what_python_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.py").write_text(TASK.format(keys=KEYS, members=way))
    names = [
        "./a.JPG",
        "./a.txt",
        "./a.png",
        "b.txt",
        "c.png",
        "c.seg.png",
        "\udcff/d.v1.jpg",
        "x/../e.jpg",
        "/f.jpg",
        "l" * 300 + ".jpg",
        "dir/.jpg",
        "g",
    ]
    for number, form in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        write(tmp_path / "in" / str(number) / "0.tar", *names, format=form)
    told = kagurazaka("export", "task.py", "Read", "--out", "list.jsonl", cwd=tmp_path)
    assert told.code == 0, told.log
    items = InputByTar("*/*.tar", KEYS, required=["image"], members=way).generate_tasks("in")
    lines = (tmp_path / "list.jsonl").read_text().splitlines()
    assert len(items) == 10 and [json.loads(line) for line in lines] == [
        json.loads(json.dumps(item, default=FileTriplet.to_dict)) for item in items
    ]


def test_ids_keep_their_order_on_the_way_to_the_host() -> None:
    message = nodes._mode(InputByTar("*.tar", {"z": "z", "a": ["a", "b"]}))
    assert [field.name for field in message.fields] == ["glob", "keys", "required", "members"]
    assert [field.name for field in message.fields[1].value.map.fields] == ["z", "a"] and not message.custom
    made = nodes._new(None, message, None)
    assert made == InputByTar("*.tar", {"z": "z", "a": ["a", "b"]}) and list(made.keys) == ["z", "a"]


def test_a_dataset_of_the_template_has_members(tmp_path: Path) -> None:
    write(tmp_path / "0.tar", "x.json", "a.jpg", "a.txt")
    items = InputByTar("*.tar", KEYS, required=["image"]).generate_tasks(os.fspath(tmp_path))

    class Task:
        def load_data(self, input: FileTriplet, input_text: FileTriplet, **rest: Any) -> dict[str, Any]:
            assert set(rest) == {"input_image", "input_mask"}
            return {"read": Path(input.path).read_bytes() + Path(input_text.path).read_bytes()}

    element = ItemDataset(Task(), items, True)[0]
    assert element["read"] == b"\1\2\2" and element["input"] == items[0]["input"] and "members" not in element


def test_a_field_of_the_users_is_passed_on() -> None:
    for own in ("mine", ["tar"], {"tar": 1}, None):
        got: dict[str, Any] = {}
        members.Reader(lambda got=got, **item: got.update(item))(n=1, members=own)
        assert got == {"n": 1, "members": own} == members.names(n=1, members=own)


def test_an_archive_that_has_changed_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "0.tar", "a.jpg", "a.txt", "b.jpg")
    first, *_ = InputByTar("*.tar", {"text": "txt"}).generate_tasks(os.fspath(tmp_path))
    write(path, "a.jpg", "b.txt")
    with pytest.raises(ValueError, match=f"^reading input_text, 1 bytes at 1024 of {path}: the archive has changed since it was listed$"):
        members.Reader(lambda **item: None)(**first)
    path.unlink()
    with pytest.raises(ValueError, match="No such file"):
        members.Reader(lambda **item: None)(**first)
