"""Lists of items in files, as templates that run in Python read them."""

from __future__ import annotations

import gzip
import importlib.util
import json
import pathlib
from typing import Callable

import pytest

from kagurazaka.template.io import FileTriplet, InputFromFileTripletJsonl, InputFromList, InputFromWhateverJsonl
from kagurazaka.utils import lists

Pack = Callable[[bytes], bytes]


def _forms() -> list[tuple[str, Pack]]:
    forms: list[tuple[str, Pack]] = [("gz", gzip.compress)]
    for name in lists._ZSTD_MODULES:
        try:
            if importlib.util.find_spec(name) is None:
                continue
        except ModuleNotFoundError:
            continue
        forms.append(("zst", importlib.import_module(name).compress))
    return forms


@pytest.mark.parametrize(("suffix", "pack"), _forms())
def test_compressed_lines(tmp_path: pathlib.Path, suffix: str, pack: Pack) -> None:
    items = [{"n": n, "text": "x" * (n % 50)} for n in range(20_000)]
    packed = pack("".join(json.dumps(item) + "\n" for item in items).encode())
    file = tmp_path / f"lines.jsonl.{suffix}"
    file.write_bytes(packed)
    assert InputFromWhateverJsonl(str(file)).generate_tasks("") == items
    # Joined files are one list.
    file.write_bytes(packed + packed)
    assert InputFromWhateverJsonl(str(file)).generate_tasks("") == items + items


@pytest.mark.parametrize(("suffix", "pack"), _forms())
def test_a_list_that_was_cut_off(tmp_path: pathlib.Path, suffix: str, pack: Pack) -> None:
    packed = pack(b"".join(b'{"n": %d}\n' % n for n in range(100)))
    file = tmp_path / f"lines.jsonl.{suffix}"
    for size in range(len(packed)):
        file.write_bytes(packed[:size])
        with pytest.raises(ValueError, match=rf"lines\.jsonl\.{suffix}:\d+: the .* data ends too early: the file was cut off"):
            InputFromWhateverJsonl(str(file)).generate_tasks("")


def test_damaged_data(tmp_path: pathlib.Path) -> None:
    packed = bytearray(gzip.compress(b'{"a": 1}\n' * 1000))
    packed[-6] ^= 0xFF
    file = tmp_path / "lines.jsonl.gz"
    file.write_bytes(packed)
    with pytest.raises(ValueError, match=r"lines\.jsonl\.gz:\d+: the gzip data is damaged: "):
        InputFromWhateverJsonl(str(file)).generate_tasks("")


def test_zstd_without_a_module(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_ZSTD_MODULES", ())
    file = tmp_path / "lines.jsonl.zst"
    file.write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(ValueError, match="pip install backports.zstd"):
        InputFromWhateverJsonl(str(file)).generate_tasks("")


def test_lines_have_a_byte_order_mark_and_no_end(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "lines.jsonl"
    line = b'{"input": {"path": "in/a", "rel_dir": ".", "file_name": "a"}}'
    file.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\n" + line)
    assert InputFromFileTripletJsonl(str(file)).generate_tasks("") == [{"input": FileTriplet("in/a", ".", "a")}] * 2


def _paths(text: bytes, nul: bool = False, input_path: str = "in") -> list[tuple[str, str, str]]:
    pathlib.Path("list").write_bytes(text)
    items = InputFromList("list", nul=nul).generate_tasks(input_path)
    return [(item["input"].path, item["input"].rel_dir, item["input"].file_name) for item in items]


def test_lists_of_paths(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert _paths(b"\xef\xbb\xbfin/a\r\n\nin/x/b\nin/ c ") == [("in/a", ".", "a"), ("in/x/b", "x", "b"), ("in/ c ", ".", " c ")]
    assert _paths(b"in/a\nb\0\0in/c\r\0in/d", nul=True) == [("in/a\nb", ".", "a\nb"), ("in/c\r", ".", "c\r"), ("in/d", ".", "d")]
    assert _paths(b"in/a/\n", input_path="") == [("in/a", "in", "a")]
    (tmp_path / "{there}").touch()
    assert _paths(b"{there}\n", input_path="") == [("{there}", ".", "{there}")]
    assert capsys.readouterr().err == ""
    # A file elsewhere keeps its folder.
    above = str(tmp_path.parent).strip("/")
    assert _paths(b"/etc/hosts\n../x\n/y\n") == [("/etc/hosts", "etc", "hosts"), ("../x", above, "x"), ("/y", ".", "y")]
    assert "3 inputs of the list lie outside of the input folder" in capsys.readouterr().err
    for text, nul, message in (
        (b"in/a\nin/b\n", True, "list: no path in it ends with a NUL: leave out -0"),
        (b"in/a\0in/b\0", False, "list:1: the line has a zero byte: is it a list for -0"),
        (b"in/a\n/\n", False, "list:2: the line is the root folder"),
        (b'in/a\n{"input":{}}\r\n', False, "list:2: the line looks like a JSON object, .* --manifest reads"),
    ):
        with pytest.raises(ValueError, match=message):
            _paths(text, nul)
