"""Reads items that are files. The host's lines for the files of one folder are alike, so they are read a folder at a time,
without a JSON parser."""

from __future__ import annotations

import os
from itertools import islice
from typing import Any, Iterator, Optional

from .._proto import plugin_pb2 as pb
from ..template.io import FileTriplet, OutputByApendingExt, OutputByReplacingExt, OutputByTar
from . import items as wire
from .opened import OpenedTask

# The fewest items of a folder for which this is faster than the parser.
_FEW = 4


class Files:
    """Items {"input": …, "output": …} whose inputs lie in one folder and whose outputs lie in one folder."""

    def __init__(self, folder: str, rel_dir: str, out_folder: str, out_rel_dir: str, names: list[str], outs: list[str]) -> None:
        # Folders end with a slash.
        self.folder, self.rel_dir, self.names = folder, rel_dir, names
        self.out_folder, self.out_rel_dir, self.outs = out_folder, out_rel_dir, outs

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.item, self.names, self.outs)

    def item(self, name: str, out: str) -> dict[str, Any]:
        """Return the item of an input and an output with these names."""
        return {
            "input": FileTriplet(self.folder + name, self.rel_dir, name),
            "output": FileTriplet(self.out_folder + out, self.out_rel_dir, out),
        }


class Samples(Files):
    """Files whose outputs are the only members of samples for a tar archive: outs are their names in the spool, and members those in
    the archive."""

    def __init__(self, folders: tuple[str, str, str, str], names: list[str], outs: list[str], members: list[str], also: str) -> None:
        super().__init__(*folders, names, outs)
        self.members, self.also = members, also

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.sample, self.names, self.outs, self.members)

    def sample(self, name: str, out: str, member: str) -> dict[str, Any]:
        """Return the item of an input with this name."""
        item = {
            "input": FileTriplet(self.folder + name, self.rel_dir, name),
            "output": FileTriplet(self.out_folder + out, self.out_rel_dir, member),
        }
        if self.also:
            item[self.also] = FileTriplet(self.out_folder + out, self.out_rel_dir, member)
        return item


class _Sample:
    """How the only member of a sample is named (host/template/sample.go)."""

    def __init__(self, keys: Optional[dict[str, str]]) -> None:
        # The second field of the output, and the extension; empty: there is none, and the input's.
        self.also = self.ext = ""
        for name, ext in (keys or {}).items():
            self.also, self.ext = f"output_{name}", ext.lower().removeprefix(".")

    def of(self, name: str) -> tuple[str, str]:
        """Return the names of the output of an input in the spool and in the archive."""
        stem, dot_ext = os.path.splitext(name)
        ext = self.ext or dot_ext[1:] or "bin"
        if "." in stem or "%" in stem:
            stem = stem.replace("%", "%25").replace(".", "%2E")
        return f"{name}~0.{ext}", f"{stem}.{ext}"


def _sample_of(mode: Any) -> Optional[_Sample]:
    """Return how a mode names the only member of a sample; None if it has several, or makes no samples."""
    if type(mode) is not OutputByTar or not (mode.keys is None or type(mode.keys) is dict and len(mode.keys) == 1):
        return None
    if not all(type(text) is str for entry in (mode.keys or {}).items() for text in entry):
        return None
    return _Sample(mode.keys)


class Reader:
    """Reads a task's blocks."""

    def __init__(self, opened: OpenedTask) -> None:
        self.with_input, self.with_files = opened.input_is_triplet, opened.has_files
        mode: Any = opened.template.output_mode if opened.native and opened.template is not None and self.with_input else None
        self.stems = type(mode) is OutputByReplacingExt
        # Whether the host's lines may have the form that this reads.
        self.regular = (self.stems or type(mode) is OutputByApendingExt) and type(mode.ext) is str
        self.ext: str = mode.ext if self.regular else ""
        self.sample = _sample_of(mode)

    def read(self, part: Any) -> list[Any]:
        """Return the items of a chunk's part that is a block: Files, and lists of items, in order. There are as many as
        the block announces: those that cannot be read are wire.Unreadable."""
        try:
            read = self._read(part)
            if sum(map(len, read)) == wire.count_of(part):
                return read
        except Exception:  # some item is wrong: find out below which
            pass
        items = wire.decode_each(part)
        if part.block.encoding == pb.ENCODING_JSON_LINES:
            self._restore([item for item in items if type(item) is dict])
        return [items]

    def _read(self, part: Any) -> list[Any]:
        if part.block.encoding != pb.ENCODING_JSON_LINES:
            return [wire.decode_part(part)]
        payload = wire.lines_of_part(part)
        # Without a backslash, all texts in the lines are literal.
        if not (self.regular or self.sample) or b"\\" in payload or not payload:
            return [self._parsed(payload)]
        lines = payload.decode().split("\n")
        read: list[Any] = []
        at = 0
        while at < len(lines):
            files = self._files(lines, at) if self.sample is None else self._samples(lines, at, self.sample)
            if files is not None:
                read.append(files)
                at += len(files)
            if files is None or len(files) < _FEW:
                if at < len(lines):
                    read.append(self._parsed("\n".join(lines[at:]).encode()))
                break
        return read

    def _parsed(self, payload: bytes) -> list[Any]:
        items = wire.decode_lines(payload)
        self._restore(items)
        return items

    def _restore(self, items: list[Any]) -> None:
        with_input, with_files = self.with_input, self.with_files
        for item in items:
            if with_input or "output" in item:
                wire.restore_triplets(item, with_input, with_files)

    def _files(self, lines: list[str], at: int) -> Optional[Files]:
        """Return the items from line `at` on that have the same form; None if that line does not have the expected form."""
        words = lines[at].split('"')
        if len(words) != 29:
            return None
        path, rel_dir, name, out_path, out_rel_dir, out = words[5], words[9], words[13], words[19], words[23], words[27]
        folder, out_folder = path[: len(path) - len(name)], out_path[: len(out_path) - len(out)]
        if not folder.endswith("/") or not out_folder.endswith("/"):
            return None
        # Each line is compared with a + name + b + name + c + stem + d + stem + e. A line that is equal has exactly these
        # values, since no text in it has a quote or an escape.
        ext = self.ext
        a = '{"input":{"path":"' + folder
        b = f'","rel_dir":"{rel_dir}","file_name":"'
        c = '"},"output":{"path":"' + out_folder
        d = f'{ext}","rel_dir":"{out_rel_dir}","file_name":"'
        e = ext + '"}}'
        begin, fixed = len(a), len(a + b + c + d + e)
        names: list[str] = []
        append = names.append
        if self.stems:
            stems: list[str] = []
            for line in islice(lines, at, None):
                name = line[begin : line.find('"', begin)]
                size = (len(line) - fixed - 2 * len(name)) // 2
                stem = name[:size] if size > 0 else ""
                if f"{a}{name}{b}{name}{c}{stem}{d}{stem}{e}" != line:
                    break
                append(name)
                stems.append(stem)
        else:
            stems = names
            for line in islice(lines, at, None):
                name = line[begin : begin + (len(line) - fixed >> 2)]
                if f"{a}{name}{b}{name}{c}{name}{d}{name}{e}" != line:
                    break
                append(name)
        if not names:
            return None
        text = "".join(names) + "".join(stems)
        if not all(names) or '"' in text or "/" in text:
            return None
        return Files(folder, rel_dir, out_folder, out_rel_dir, names, [stem + ext for stem in stems])

    def _samples(self, lines: list[str], at: int, mode: _Sample) -> Optional[Samples]:
        """Return the same as _files for samples."""
        words = lines[at].split('"')
        if len(words) != (43 if mode.also else 29):
            return None
        path, rel_dir, name, out_path, out_rel_dir = words[5], words[9], words[13], words[19], words[23]
        folder, out_folder = path[: len(path) - len(name)], out_path[: out_path.rfind("/") + 1]
        if not folder.endswith("/") or not out_folder:
            return None
        a = '{"input":{"path":"' + folder
        b = f'","rel_dir":"{rel_dir}","file_name":"'
        c = '"},"output":{"path":"' + out_folder
        d = f'","rel_dir":"{out_rel_dir}","file_name":"'
        e = f'"}},"{mode.also}":{{"path":"{out_folder}' if mode.also else '"}}'
        begin = len(a)
        names: list[str] = []
        outs: list[str] = []
        members: list[str] = []
        for line in islice(lines, at, None):
            name = line[begin : line.find('"', begin)]
            out, member = mode.of(name)
            expected = f"{a}{name}{b}{name}{c}{out}{d}{member}{e}"
            if mode.also:
                expected += f'{out}{d}{member}"}}}}'
            if expected != line:
                break
            names.append(name)
            outs.append(out)
            members.append(member)
        text = "".join(names)
        if not names or not all(names) or '"' in text or "/" in text:
            return None
        return Samples((folder, rel_dir, out_folder, out_rel_dir), names, outs, members, mode.also)
