"""The parts of templates: shards, input modes, output modes, finish checks.

The host runs the modes defined here itself. Your own subclasses run in Python, by the methods that they override.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import json
import os
from dataclasses import dataclass
from typing import Any, Callable, Iterable, List, Optional, Union

from .._imports import after_import
from ..utils.choosing import Filter as _Filter
from ..utils.choosing import glob_deep as _glob_deep
from ..utils.choosing import roots_of as _roots_of
from ..utils.io import OURS, special_of, walk_files_of_dir, warn_of_special
from ..utils.lists import json_lines as _json_lines
from ..utils.lists import listed_paths as _listed_paths
from ..utils.tar import items as _tar_items
from . import _groups, _options, _state

# What task files get by `import *`: the names that 0.1.1 brings, and the modes that were added.
__all__ = [
    "os", "glob", "json", "dataclass", "Any", "List", "Optional", "walk_files_of_dir", "FileTriplet", "SoftShard", "SoftShardByHash",
    "HardShardMode", "NoHardShard", "HardShardModeV1", "InputMode", "InputByExts", "InputByGlob", "InputBySubDirectory",
    "InputFromFileTripletJsonl", "InputFromWhateverJsonl", "InputFromList", "InputByGroup", "InputByFilenameSubfoldering", "InputByMerge",
    "InputByTar", "OutputMode", "OutputByApendingExt", "OutputByReplacingExt", "OutputByFilenameSubfoldering", "OutputByTar",
    "FinishCheckMode", "FinishCheckByOutputFileExistence",
]  # fmt: skip


@dataclass
class FileTriplet:
    """A file or folder: its path, its folder relative to the root of the run, and its name.

    Paths stay as they were joined ("in/./a.txt"), never normalised.
    """

    path: str
    rel_dir: str
    file_name: str

    def to_dict(self) -> dict[str, str]:
        return {"path": self.path, "rel_dir": self.rel_dir, "file_name": self.file_name}

    @classmethod
    def from_dict(cls, data: dict[str, str]) -> FileTriplet:
        return cls(path=data["path"], rel_dir=data["rel_dir"], file_name=data["file_name"])


def _teach_torch(module: Any) -> None:
    """Let torch's default collate keep FileTriplets as a list."""
    functions = getattr(module, "default_collate_fn_map", None)
    if functions is not None:
        functions[FileTriplet] = lambda batch, *args, **kwargs: batch


after_import("torch.utils.data._utils.collate", _teach_torch)


# ---------------------------------------------------------------------------------------------------- shards


@dataclass
class SoftShard:
    """Takes the items whose number in the listing, from 0, modulo shard_num is in shard_idx.

    Fields:
        shard_idx: The shard that this run takes, from 0 to shard_num - 1, or a list of them.
        shard_num: How many shards there are in all.
        subshard: Divides what this shard has once more, in the same way.
    """

    shard_idx: Union[int, list[int]]
    shard_num: int
    subshard: Optional[SoftShard] = None

    def check_in_shard(self, idx: int) -> bool:
        indices = [self.shard_idx] if isinstance(self.shard_idx, int) else sorted(set(self.shard_idx))
        shard = idx % self.shard_num
        if shard not in indices:
            return False
        if self.subshard is None:
            return True
        # The rank counts from 1: a fixed rotation, so the subshards still cover each item once.
        return self.subshard.check_in_shard(idx // self.shard_num * len(indices) + indices.index(shard) + 1)


@dataclass
class SoftShardByHash(SoftShard):
    """Takes the items whose hash modulo shard_num is in shard_idx: the shards stay balanced whatever period the listing has, and an item
    stays in its shard when others come and go.

    Fields:
        shard_idx: The shard that this run takes, from 0 to shard_num - 1, or a list of them.
        shard_num: How many shards there are in all.
        subshard: Divides what this shard has once more, in the same way.
    """

    def check_item(self, item: dict[str, Any]) -> bool:
        """Return whether this shard takes the item."""
        return self.check_in_shard(_hash(_hash_key(item)))


def _hash_key(item: dict[str, Any]) -> bytes:
    source = item.get("input")
    if isinstance(source, FileTriplet):
        text = os.path.join(source.rel_dir, source.file_name)
    else:
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=stable_repr)
    return text.encode("utf-8", "surrogateescape")


def stable_repr(value: Any) -> str:
    """Return a text for a value that is not JSON. A set's entries are sorted, since their order differs between processes."""
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    return repr(value)


def _hash(key: bytes) -> int:
    """Return the 64-bit FNV-1a hash, mixed at the end because shards are taken modulo small numbers."""
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for byte in key:
        h = (h ^ byte) * 0x100000001B3 & mask
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & mask
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & mask
    return h ^ h >> 33


@dataclass
class HardShardMode:
    """Selects the folders that this run reads and writes."""

    def get_shard_input(self) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define get_shard_input")

    def get_shard_output(self) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define get_shard_output")


@dataclass
class NoHardShard(HardShardMode):
    """One folder of inputs, one of outputs.

    Fields:
        input_path: The folder of the inputs, or a list of folders and of patterns such as [disk1, 'disk*/data']. rel_dir is
            relative to the folder that a file comes from.
        output_path: The folder of the outputs. It is made when it is missing.

    A text is always the name of one folder. In a list, what exists under the name of an entry comes before what matches it. A folder
    that is not used may be None.
    """

    input_path: Union[str, list[str], None]
    output_path: Optional[str]

    def get_shard_input(self) -> Any:
        return self.input_path

    def get_shard_output(self) -> Any:
        return self.output_path


@dataclass
class HardShardModeV1(HardShardMode):
    """Data that lies divided in folders BASE/IDX/NAME: the run has one of them.

    Fields:
        base_input_path: BASE of the inputs: they lie in BASE/shard_idx/input_name.
        base_output_path: BASE of the outputs: they go to BASE/shard_idx/output_name.
        input_name: The folder of the inputs in the shard.
        output_name: The folder of the outputs in the shard.
        shard_idx: The shard's folder: a number, or its name as text when it has leading zeros.
    """

    base_input_path: str
    base_output_path: str
    input_name: str
    output_name: str
    shard_idx: Union[int, str]

    def get_shard_input(self) -> str:
        return os.path.join(self.base_input_path, str(self.shard_idx), self.input_name)

    def get_shard_output(self) -> str:
        return os.path.join(self.base_output_path, str(self.shard_idx), self.output_name)


# ---------------------------------------------------------------------------------------------------- inputs


@dataclass
class InputMode:
    """Lists the items of an input path."""

    def generate_tasks(self, input_path: str) -> Iterable[dict[str, Any]]:
        raise NotImplementedError(f"{type(self).__name__} must define generate_tasks")

    def to_jsonl(self, input_path: str, jsonl_path: str) -> None:
        """Write the items to a JSON Lines file that InputFromFileTripletJsonl or InputFromWhateverJsonl reads."""
        with open(jsonl_path, "w") as file:
            for item in self.generate_tasks(input_path):
                item = {name: value.to_dict() if isinstance(value, FileTriplet) else value for name, value in item.items()}
                file.write(json.dumps(item) + "\n")


_Listing = Callable[[Any, Any], list[dict[str, Any]]]

# The methods that list what lies in a folder, each with a function that tells whether a mode also lists what lies in folders of it.
_ENTERS: dict[Any, Callable[[Any], bool]] = {}


def _each_folder(enters: Callable[[Any], bool]) -> Callable[[_Listing], _Listing]:
    """Return a decorator for generate_tasks of a mode that reads a folder, which then also takes a list as NoHardShard has it."""

    def decorate(method: _Listing) -> _Listing:
        @functools.wraps(method)
        def generate_tasks(self: Any, input_path: Any) -> list[dict[str, Any]]:
            if isinstance(input_path, (list, tuple)):
                return [item for root in _roots_of(input_path, enters(self)) for item in method(self, root)]
            return method(self, input_path)

        _ENTERS[generate_tasks] = enters
        return generate_tasks

    return decorate


@_options.options(recursive=True, ignore=None, min_size=None, max_size=None, newer_than=None)
@dataclass
class InputByExts(InputMode):
    """Every file below the input folder whose name, in lower case, ends with one of the extensions. Linked folders are not entered.

    Fields:
        exts: The extensions, in lower case and with their dot. An empty list and null take every file.
        recursive: Whether the files of folders in the input folder are listed, too.
        ignore: Patterns of files and folders to leave out: *.tmp by name at any depth, a/b or raw/** by the path below the input
            folder, cache/ folders alone.
        min_size: The least size of a file: bytes, or as in 10K, 4M.
        max_size: The greatest size of a file.
        newer_than: Only files that were last written after a time, as in 2026-01-31 or 2026-01-31T08:00, or that are younger than
            an age, as in 36h or 7d.

    A folder's files come by name, then its sub-folders by name, depth first, on every machine.
    """

    exts: Union[list[str], str, None]

    def __init__(
        self,
        exts: Union[list[str], str, None],
        *,
        recursive: bool = True,
        ignore: Union[list[str], str, None] = None,
        min_size: Union[int, str, None] = None,
        max_size: Union[int, str, None] = None,
        newer_than: Optional[str] = None,
    ) -> None:
        self.exts = exts
        _options.give(self, InputByExts, recursive=recursive, ignore=ignore, min_size=min_size, max_size=max_size, newer_than=newer_than)

    @_each_folder(lambda mode: bool(_options.of(mode, InputByExts)["recursive"]))
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        return _kept(self, _by_exts(self, input_path))


def _by_exts(mode: InputByExts, input_path: str) -> list[dict[str, Any]]:
    return [
        {"input": FileTriplet(os.path.join(input_path, rel_dir, name), rel_dir, name)}
        for rel_dir, names in walk_files_of_dir(input_path, mode.exts).items()
        for name in names
    ]


def _kept(mode: InputByExts, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that the options do not leave out."""
    kept = _options.given(mode) and _Filter(**_options.of(mode, InputByExts))
    if not kept:
        return items
    return [item for item in items if kept.keeps(item["input"].path, item["input"].rel_dir, item["input"].file_name)]


def _is_deep(mode: Any) -> bool:
    return bool(_options.of(mode, InputByGlob)["recursive"]) and "**" in mode.glob_pattern.split("/")


@_options.options(recursive=False)
@dataclass
class InputByGlob(InputMode):
    """What matches a glob pattern below the input folder. Names that begin with a dot match only a pattern that does.

    Fields:
        glob_pattern: *, ?, [abc], [!abc] within one name; with recursive, ** as a name stands for any number of folders.
        recursive: Whether ** stands for any number of folders, none included. Without it ** is the same as *.
    """

    glob_pattern: str

    def __init__(self, glob_pattern: str, *, recursive: bool = False) -> None:
        self.glob_pattern = glob_pattern
        _options.give(self, InputByGlob, recursive=recursive)

    @_each_folder(_is_deep)
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        if _is_deep(self):
            return _by_paths(_glob_deep(os.path.join(input_path, self.glob_pattern)), input_path)
        paths = sorted(glob.glob(os.path.join(input_path, self.glob_pattern)), key=_by_folder)
        special = {path for folder in {os.path.dirname(path) for path in paths} for path in special_of(folder)}
        if special:
            warn_of_special([path for path in paths if path in special])
            paths = [path for path in paths if path not in special]
        return _by_paths(paths, input_path)


def _by_paths(paths: list[str], input_path: str) -> list[dict[str, Any]]:
    return [
        {"input": FileTriplet(path, os.path.relpath(os.path.dirname(path) or ".", input_path), os.path.basename(path))} for path in paths
    ]


def _by_folder(path: str) -> list[str]:
    return path.split(os.sep)


@dataclass
class InputBySubDirectory(InputMode):
    """The folders at one depth below the input folder are the items.

    Fields:
        sub_directory_level: The depth: 1 is the folders of the input folder, 0 the input folder itself.
    """

    sub_directory_level: int

    @_each_folder(lambda mode: False)
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        if self.sub_directory_level == 0:
            return [{"input": FileTriplet(input_path, "..", os.path.basename(os.path.abspath(input_path)))}]
        folders = [input_path]
        for _ in range(self.sub_directory_level):
            folders = [
                path
                for folder in folders
                for path in (os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name not in OURS)
                if os.path.isdir(path)
            ]
        return [
            {"input": FileTriplet(path, os.path.relpath(os.path.dirname(path), input_path), os.path.basename(path))} for path in folders
        ]


@dataclass
class InputFromFileTripletJsonl(InputMode):
    """The lines of a file, each {"input": {"path": …, "rel_dir": …, "file_name": …}}.

    Fields:
        jsonl_path: The JSON Lines file.
    """

    jsonl_path: str

    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        return [{"input": FileTriplet.from_dict(line["input"])} for line in _json_lines(self.jsonl_path)]


@dataclass
class InputFromWhateverJsonl(InputMode):
    """The lines of a file, each a JSON object: the item as it is.

    Fields:
        jsonl_path: The JSON Lines file.
    """

    jsonl_path: str

    def generate_tasks(self, input_path: str) -> list[Any]:
        return list(_json_lines(self.jsonl_path))


@dataclass
class InputFromList(InputMode):
    """The paths in a file, one a line, as find or ls write them. rel_dir is that below the input folder, or below the working folder
    without one.

    Fields:
        list_path: The file, which may be compressed with gzip or zstd; - is stdin. Paths in it start from the working folder.
        nul: Each path ends with a NUL, as find -print0 writes them. It may then have a newline in it.

    A file that lies elsewhere keeps its whole folder as its rel_dir.
    """

    list_path: str
    nul: bool = dataclasses.field(default=False, kw_only=True)

    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        return [{"input": FileTriplet(*names)} for names in _listed_paths(self.list_path, self.nul, input_path)]


@dataclass
class InputByGroup(InputMode):
    """The files of one folder that share a stem are one item: a.jpg, a.txt and a.json. The item has input_ID for each id. Linked folders
    are not entered.

    Fields:
        files: The extensions of each id: {image: [.jpg, .png], caption: .txt}. What is before the extension is the stem. The
            longest extension that fits a name counts, and of several files for one id the one whose extension comes first.
        required: The ids without which a group is no item: it is counted and named. The first id of files that is required is
            input as well. Others may be null. null: all ids are required.

    ``InputByGroup({"image": [".jpg", ".png"], "caption": ".txt"})``: an item has ``input_image`` and ``input_caption``, each a FileTriplet,
    or None if the file is absent. Outputs are named after ``input``, a file that every item has.
    """

    files: dict[str, Union[str, list[str]]]
    required: Optional[list[str]] = dataclasses.field(default=None, kw_only=True)

    @_each_folder(lambda mode: True)
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        grouping = _groups.Grouping(input_path, list(self.files), self.required)
        exts = _groups.extensions(self.files)
        items: list[dict[str, Any]] = []
        for rel_dir, names in walk_files_of_dir(input_path, [ext for of_id in exts.values() for ext in of_id]).items():
            for files in _groups.by_stem(grouping, rel_dir, names, exts):
                found = {id: name and FileTriplet(os.path.join(input_path, rel_dir, name), rel_dir, name) for id, name in files.items()}
                items.append({"input": found[grouping.first], **{f"input_{id}": file for id, file in found.items()}})
        grouping.warn()
        return items


@dataclass
class InputByFilenameSubfoldering(InputMode):
    """Each folder below the input folder that has the files is an item, as OutputByFilenameSubfoldering writes it: input is the folder,
    and input_ID is each file. Linked folders are not entered.

    Fields:
        file_to_read: The files in the folder, by id: the task gets input_ID for each.
        required: The ids without which a folder is no item: it is counted and named. Others may be null. null: all ids are
            required.

    The output of one task is the input of the next. ``input`` and ``input_<id>`` are FileTriplets, or None if the file is absent.
    """

    file_to_read: dict[str, str]
    required: Optional[list[str]] = dataclasses.field(default=None, kw_only=True)

    @_each_folder(lambda mode: True)
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        grouping = _groups.Grouping(input_path, list(self.file_to_read), self.required)
        items: list[dict[str, Any]] = []
        for rel_dir, folder, files in _groups.by_folder(grouping, self.file_to_read):
            path, inside = os.path.join(input_path, rel_dir, folder), os.path.join(rel_dir, folder)
            found = {id: name and FileTriplet(os.path.join(path, name), inside, name) for id, name in files.items()}
            items.append({"input": FileTriplet(path, rel_dir, folder), **{f"input_{id}": file for id, file in found.items()}})
        grouping.warn()
        return items


@dataclass
class InputByMerge(InputMode):
    """The items of several input modes, one mode after another. An item that comes again is left out if there is an output_mode.

    Fields:
        modes: The modes, in their order. --mixin input_mode.modes.0.FIELD=VALUE sets a field of the first.

    Two items with one output are an error. ``input`` and ``input_<id>`` are FileTriplets in the items of every mode, also in those of
    InputFromWhateverJsonl.
    """

    modes: list[InputMode]

    def generate_tasks(self, input_path: str) -> list[Any]:
        return [_groups.restore(item, _triplet) for mode in self.modes for item in mode.generate_tasks(input_path)]


def _triplet(value: Any) -> Any:
    """Return a FileTriplet for a JSON object that represents one; any other value unchanged."""
    if type(value) is dict and len(value) == 3:
        try:
            return FileTriplet(value["path"], value["rel_dir"], value["file_name"])
        except KeyError:
            pass
    return value


@dataclass
class InputByTar(InputMode):
    """The samples of tar archives, as webdataset has them: adjacent members whose names are alike up to the first dot are one item. They
    are read in place, nothing is unpacked. The item has input_ID for each id of keys.

    Fields:
        glob: Which archives below the input folder, as in InputByGlob: *.tar, */*.tar.
        keys: The extensions of each id: {image: [jpg, png], mask: seg.png, caption: txt}. An extension is all that follows the
            first dot of a member's name, in lower case. Of several members for one id the one whose extension comes first counts. Members
            of other extensions are passed over.
        required: The ids without which a sample is no item: it is counted and named. The first id of keys that is required is
            input as well. Others may be null. null: all ids are required.
        members: How the task gets input_ID: paths are files that only memory holds, bytes are the content itself. null: paths.

    """

    glob: str
    keys: dict[str, Union[str, list[str]]]
    required: Optional[list[str]] = dataclasses.field(default=None, kw_only=True)
    members: Optional[str] = dataclasses.field(default=None, kw_only=True)

    @_each_folder(lambda mode: False)
    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        required = list(self.keys) if self.required is None else self.required
        return [
            item
            for tar in InputByGlob(self.glob).generate_tasks(input_path)
            for item in _tar_items(tar["input"].path, tar["input"].rel_dir, self.keys, required, self.members == "bytes", FileTriplet)
        ]


# ---------------------------------------------------------------------------------------------------- outputs


@dataclass
class OutputMode:
    """Decides where an item's output goes. Its result is passed to the task as further keyword arguments."""

    def get_output_params(self, output_path: str, *args: Any, **item: Any) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define get_output_params")


def _make_folder(*parts: str) -> None:
    # A finish check must not make folders.
    if not _state.thread.asking:
        _state.make_folder(os.path.join(*parts))


@dataclass
class OutputByApendingExt(OutputMode):
    """One file an item: the input's whole name with an extension added, in the same sub-folder of the output folder.

    Fields:
        ext: What is added to the name: .txt makes a.jpg.txt of a.jpg.
    """

    ext: str

    def get_output_params(self, output_path: str, input: FileTriplet, **item: Any) -> dict[str, FileTriplet]:
        return _one_file(output_path, input.rel_dir, input.file_name + self.ext)


OutputByAppendingExt = OutputByApendingExt


@dataclass
class OutputByReplacingExt(OutputMode):
    """One file an item: the input's name with its extension replaced, in the same sub-folder of the output folder.

    Fields:
        ext: The new extension: .png makes a.png of a.jpg.
    """

    ext: str

    def get_output_params(self, output_path: str, input: FileTriplet, **item: Any) -> dict[str, FileTriplet]:
        return _one_file(output_path, input.rel_dir, os.path.splitext(input.file_name)[0] + self.ext)


def _one_file(output_path: str, rel_dir: str, name: str) -> dict[str, FileTriplet]:
    _make_folder(output_path, rel_dir)
    return {"output": FileTriplet(os.path.join(output_path, rel_dir, name), rel_dir, name)}


@dataclass
class OutputByFilenameSubfoldering(OutputMode):
    """One folder an item, named like the input's file, in the same sub-folder of the output folder.

    Fields:
        file_to_write: The files in it that the task writes, by id: the task gets output_ID for each.
    """

    file_to_write: dict[str, str]

    def get_output_params(self, output_path: str, input: FileTriplet, **item: Any) -> dict[str, FileTriplet]:
        rel_dir = os.path.join(input.rel_dir, input.file_name)
        folder = os.path.join(output_path, rel_dir)
        _make_folder(folder)
        params = {"output": FileTriplet(folder, input.rel_dir, input.file_name)}
        for key, name in self.file_to_write.items():
            params[f"output_{key}"] = FileTriplet(os.path.join(folder, name), rel_dir, name)
        return params


@dataclass
class OutputByTar(OutputMode):
    """One sample an item in tar archives in the output folder, as InputByTar and webdataset read them. The key is the input's path
    without its extension. An archive is named by its keys, and has an index beside it. Needs finish_check_mode.

    Fields:
        size: From how many bytes on an archive is closed: a number, or as in 800M, 1GiB. null: whatever its size.
        count: From how many samples on an archive is closed. null: however many. Their paths are kept in memory until then.
        keys: The extension of each member by its id: {image: jpg, mask: seg.png, caption: txt}. The task gets output_ID for each,
            and the first is output as well. null: one member, output, with the input's extension.

    The task must write ``output``. Other members may be absent. The host packs the samples, so it must list the items.
    FinishCheckByOutputFileExistence takes an item for finished if its sample is packed.
    """

    size: Union[int, str, None] = "1GiB"
    count: Optional[int] = 10000
    keys: Optional[dict[str, str]] = None

    def get_output_params(self, output_path: str, *args: Any, **item: Any) -> dict[str, Any]:
        raise RuntimeError(
            "OutputByTar is packed by the host, which has to list the items: a template with modes of its own, or a task with its own "
            "generate_tasks, cannot use it"
        )


# ---------------------------------------------------------------------------------------------------- finish checks


@dataclass
class FinishCheckMode:
    """Decides whether an item is finished."""

    def is_executed(self, *args: Any, **params: Any) -> bool:
        raise NotImplementedError(f"{type(self).__name__} must define is_executed")


@_options.options(redo=None)
@dataclass
class FinishCheckByOutputFileExistence(FinishCheckMode):
    """An item is finished when its output exists.

    Fields:
        output_field_suffix: Which file of a folder output has to exist: an id of file_to_write. null: the output itself.
        redo: When an item is done again whose output exists. newer: when one of its inputs was modified after the output.
            changed: also when the task's code or arguments are not those that made it, by the ledgers of earlier runs. null: never.

    For ``redo="changed"`` the host asks the ledgers of earlier runs, so it has to list the items itself.
    """

    output_field_suffix: Optional[str] = None

    def __init__(self, output_field_suffix: Optional[str] = None, *, redo: Optional[str] = None) -> None:
        if redo == "changed" and type(self) is not FinishCheckByOutputFileExistence:
            raise ValueError("redo: changed asks the ledger of the host, which a finish check of your own cannot; newer can be used")
        self.output_field_suffix = output_field_suffix
        _options.give(self, FinishCheckByOutputFileExistence, redo=redo)

    def is_executed(self, output: FileTriplet, **params: Any) -> bool:
        if self.output_field_suffix is not None:
            output = params[f"output_{self.output_field_suffix}"]
        return os.path.exists(output.path) and not (_options.given(self).get("redo") is not None and _is_outdated(output, params))


def _is_outdated(output: FileTriplet, params: dict[str, Any]) -> bool:
    """Return whether an input was modified after the output. An input that cannot be examined is not newer."""
    made = os.stat(output.path).st_mtime_ns
    for name, value in params.items():
        if (name == "input" or name.startswith("input_")) and isinstance(value, FileTriplet):
            try:
                if os.stat(value.path).st_mtime_ns > made:
                    return True
            except OSError:
                continue
    return False
