"""A task's template: the modes given to the decorator, merged with a mixin and installed on the class."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import os
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

from ..task._base import ATTRIBUTE, TaskBase
from ..utils.choosing import roots_of
from . import _groups, _options, _outputs, _script, _state
from .io import (
    FinishCheckByOutputFileExistence,
    OutputByFilenameSubfoldering,
    SoftShard,
    SoftShardByHash,
    _by_exts,
    _kept,
    _triplet,
)
from .mixin import KAGURAZAKA_MIXIN_PLACEHOLDER

# The attribute of a class that selects how outputs are written, and its values: in place, or aside and renamed into place.
OUTPUTS = "kagurazaka_outputs"
DIRECT, STAGED = "direct", "staged"

# As it was imported: a task file may replace it.
_EXISTS = FinishCheckByOutputFileExistence.is_executed

DEFAULT_SOFT_SHARD = SoftShard(shard_idx=0, shard_num=1)


class Template:
    """The modes of one decorated class. `fields` maps the decorator's parameters to their values, in order."""

    def __init__(self, cls: type, fields: dict[str, Any], install: Callable[[Template], None], outputs: Optional[str] = None) -> None:
        if fields.get("soft_shard") is DEFAULT_SOFT_SHARD:
            # The mixin changes modes in place, so tasks must not share one.
            fields["soft_shard"] = copy.copy(DEFAULT_SOFT_SHARD)
        self.cls = cls
        # The class, or the function that stands for it.
        self.owner: Any = cls
        self.fields = fields
        self._install = install
        self._installed = False
        # Whether instances are of the class itself, as in a worker, and not of a subclass that has the template's methods.
        self.itself = False
        self._outputs = outputs
        # The subclass that is constructed without a mixin.
        self.plain: Optional[type] = None
        # Whether outputs that a caller passes are taken, as in a unit test of `process`.
        self.takes_outputs = False
        # How outputs are written: direct or staged.
        self.written = outputs or getattr(cls, OUTPUTS, DIRECT)
        # Whether the author has written that.
        self.declared = outputs is not None or hasattr(cls, OUTPUTS)
        if self.written not in (DIRECT, STAGED):
            where = "outputs" if outputs else f"{cls.__name__}.{OUTPUTS}"
            raise ValueError(f"{where} must be {DIRECT!r} or {STAGED!r}, not {self.written!r}")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None

    def merge(self, mixin: dict[str, Any]) -> None:
        """Merge a mixin into the modes' attributes, key by key."""
        for name, value in mixin.items():
            if name in self.fields:
                self.fields[name] = merged(self.fields[name], value)

    def install(self) -> type:
        """Give the class its methods. Raises ValueError if a placeholder is left."""
        left = self.open()
        if left:
            raise ValueError(f"required template values are not set: {', '.join(left)}. Set them with --mixin NAME=VALUE.")
        if self.finish_check_mode is not None and self.output_mode is None:
            raise ValueError("a template with a finish_check_mode needs an output_mode")
        if not self._installed:
            self._installed = self.itself = True
            self._install(self)
        return self.cls

    def open(self) -> list[str]:
        """Return the placeholders that are left, as dotted names."""
        return list(placeholders(self.fields))

    def for_class(self, cls: type, mixin: Optional[Mapping[str, Any]] = None) -> Template:
        """Return the template for a subclass. It shares the modes, except for those that the mixin changes: these are copied."""
        fields = {
            name: value if mixin is None or name not in mixin else merged_copy(value, mixin[name]) for name, value in self.fields.items()
        }
        return Template(cls, fields, self._install, self._outputs)

    def listed(self, own: Callable[[], Iterable[Any]]) -> Iterable[Any]:
        """Return the items of this run: those of the input mode, or the task's own, that belong to the soft shard."""
        items = own() if self.input_mode is None else self._read()
        if self.soft_shard is None and not self._may_collide:
            return items
        if isinstance(items, (list, tuple)):
            return list(self._in_shard(items))
        return self._in_shard(items)

    def _read(self) -> Iterable[Any]:
        """The items of the input mode."""
        return self._items_of(self.input_mode, self.hard_shard_mode.get_shard_input())

    def _items_of(self, mode: Any, folder: Any) -> Iterable[Any]:
        if _outputs.merges(mode):
            return [_groups.restore(item, _triplet) for one in mode.modes for item in self._items_of(one, folder)]
        # A mode of the user's own gets the list as it is.
        if isinstance(folder, (list, tuple)) and _outputs.lists_folder(mode):
            return self._items_in(mode, roots_of(folder, _outputs.enters_folders(mode)))
        return self._items_in(mode, [folder])

    def _items_in(self, mode: Any, roots: list[Any]) -> Iterable[Any]:
        """The items of an input mode in some folders, without outputs that lie there."""
        filters, reads_folders = _outputs.filters(mode), _outputs.reads_folders(mode, self.output_mode)
        listed = [_by_exts(mode, root) if filters else mode.generate_tasks(root) for root in roots]
        if reads_folders:
            output_path = self.hard_shard_mode.get_shard_output()
            everything = [list(items) for items in listed]
            for i, root in enumerate(roots):
                others = [item for k, items in enumerate(everything) if k != i for item in items]
                listed[i] = _outputs.without_outputs(everything[i], root, output_path, self.output_mode, mode, others)
        if filters:
            # What is an output depends on names alone, so files are left out of the listing afterwards.
            listed = [_kept(mode, items) for items in listed]
        return listed[0] if len(listed) == 1 else [item for items in listed for item in items]

    def _in_shard(self, items: Iterable[Any]) -> Iterator[Any]:
        shard = self.soft_shard
        again: set[int] = set()
        if self._may_collide:
            # Repeated items keep their numbers, so that the others stay in their shards.
            items = list(items)
            again = _outputs.repeated(items, self._output_of, _outputs.merges(self.input_mode))
        kept = ((i, item) for i, item in enumerate(items) if i not in again) if again else enumerate(items)
        if isinstance(shard, SoftShardByHash):
            return (item for _, item in kept if shard.check_item(item))
        return (item for i, item in kept if shard is None or shard.check_in_shard(i))

    @property
    def _may_collide(self) -> bool:
        """Whether two of the listed items may have one output."""
        if self.input_mode is None:
            return False
        several = isinstance(self.hard_shard_mode.get_shard_input(), (list, tuple))
        several = several and _outputs.lists_folder(self.input_mode)
        return _outputs.reads_lines(self) or several and _outputs.is_built_in(self.output_mode)

    def _output_of(self, item: dict[str, Any]) -> Any:
        return self._would_add(item)["output"]

    def _would_add(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return what the output mode adds to an item, without making anything on disk."""
        asking, _state.thread.asking = _state.thread.asking, True
        try:
            return self.output_mode.get_output_params(output_path=self.hard_shard_mode.get_shard_output(), **item)
        finally:
            _state.thread.asking = asking

    def _check_output(self, item: dict[str, Any]) -> None:
        """Raise OutputElsewhere for an item whose line leads out of the output folder."""
        if _outputs.reads_lines(self):
            _outputs.check(self.hard_shard_mode.get_shard_output(), item["input"], self._output_of(item))

    def outputs(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments that the output mode adds to an item: the host's, or computed here."""
        if _state.outputs is not None:
            found = _state.outputs.get(_state.key_of(item))
            if found is not None:
                if _state.stager is None:
                    self.make_folders(found)
                return found
        self._check_output(item)
        return self.output_mode.get_output_params(output_path=self.hard_shard_mode.get_shard_output(), **item)

    def final_outputs(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the same for a finish check, without making anything on disk."""
        if _state.final_outputs is not None:
            found = _state.final_outputs.get(_state.key_of(item))
            if found is not None:
                return found
        self._check_output(item)
        return self._would_add(item)

    @property
    def finish_field(self) -> str:
        """The field of the output that the finish check looks for; empty if unknown."""
        check = self.finish_check_mode
        standard = type(check) is FinishCheckByOutputFileExistence and getattr(check.is_executed, "__func__", None) is _EXISTS
        if not standard or self.output_mode is None:
            return ""
        suffix = check.output_field_suffix
        return "output" if suffix is None else f"output_{suffix}"

    def finish_path(self, item: dict[str, Any]) -> str:
        """Return the path at which the finish check looks for an item's output."""
        found = (_state.outputs or {}).get(_state.key_of(item)) or self.final_outputs(item)
        path: str = found[self.finish_field].path
        return path

    def is_finished(self, item: dict[str, Any]) -> bool:
        """Return whether the finish check accepts the item and the journal knows its output as complete."""
        outputs = self.final_outputs(item)
        if not self.finish_check_mode.is_executed(**outputs, **item):
            return False
        journal = _state.journal or _state.known
        return journal is None or bool(journal.whole(outputs[journal.field].path))

    def call_with_outputs(self, method: Callable[..., Any], task: Any, args: tuple[Any, ...], item: dict[str, Any]) -> Any:
        """Call a method of the task with the item and its outputs, which are staged if the worker has a stager."""
        stager, journal = _state.stager, _state.journal
        if journal is not None:
            # Making the output's folder is already part of the work, so the journal notes it first.
            return journal.run(self.final_outputs(item), lambda: method(task, *args, **item, **self.outputs(item)))
        outputs = self.outputs(item)
        if stager is None or not stager.can_take(outputs):
            try:
                made = method(task, *args, **item, **outputs)
            except BaseException:
                self._discard(outputs)
                raise
            noted = _state.unwritten if stager is None else stager.unwritten
            if noted is not None and self.finish_field:
                noted.look(outputs[self.finish_field].path)
            return made
        staged = stager.begin(outputs)
        try:
            method(task, *args, **item, **staged)
        except BaseException:
            stager.abort()
            raise
        if stager.commit() and _state.known is not None:
            _state.known.replaced(outputs[_state.known.field].path)

    def make_folders(self, outputs: dict[str, Any]) -> None:
        """Make the folder that built-in output modes guarantee, for outputs that the host has computed."""
        root = outputs.get("output")
        if root is not None:
            folder = isinstance(self.output_mode, OutputByFilenameSubfoldering)
            _state.make_folder(root.path if folder else os.path.dirname(root.path) or ".")

    def _discard(self, outputs: dict[str, Any]) -> None:
        """Remove the folder that was made for an item's outputs if it is empty: it would count as finished."""
        if isinstance(self.output_mode, OutputByFilenameSubfoldering):
            with contextlib.suppress(OSError):
                os.rmdir(outputs["output"].path)


def decorator(
    fields: dict[str, Any], install: Callable[[Template], None], apply: bool, mixin_mode: bool, outputs: Optional[str]
) -> Callable[[Any], Any]:
    """Return the class decorator that both template decorators share."""

    def decorate(cls: type) -> Any:
        from . import _applied

        _script.note(cls)
        by_call = mixin_mode and not constructs_itself(cls) and _applied.is_applied(cls)
        as_function = constructs_itself(cls) or by_call and _applied.makes_itself(cls)
        if by_call and not as_function:
            cls = _applied.variant(cls)
        template = Template(cls, dict(fields), install, outputs)
        if not mixin_mode:
            return template.install()

        if as_function:
            # It cannot be both a class and, as in 0.1.1, a function of the mixin.
            def decorated(mixin: Optional[dict[str, Any]] = None) -> type:
                template.merge(mixin or {})
                return template.install()

            functools.update_wrapper(decorated, cls, updated=())
            template.owner = decorated
            setattr(decorated, ATTRIBUTE, template)
            return decorated
        setattr(cls, ATTRIBUTE, template)
        return cls

    return decorate if apply else lambda cls: cls


def constructs_itself(cls: type) -> bool:
    """Return whether calling a class does something else than TaskBase provides for."""
    return not issubclass(cls, TaskBase) or cls.__new__ is not TaskBase.__new__ or type(cls).__call__ is not type.__call__


def template_of(found: Any) -> Optional[Template]:
    """Return the template of a decorated class, or of the function that stands for one. A subclass has a template of its own."""
    template: Optional[Template] = getattr(found, "__dict__", {}).get(ATTRIBUTE)
    # functools.wraps copies it into a function of the user's own.
    return template if template is None or isinstance(found, type) or template.owner is found else None


def merged_copy(value: Any, mixin: Any) -> Any:
    """Return what `merged` makes of a value, and leave the value as it is."""
    if not isinstance(mixin, dict) or isinstance(value, type) or not (isinstance(value, dict) or hasattr(value, "__dict__")):
        return mixin
    made = copy.copy(value)
    fields = made if isinstance(made, dict) else _options.Fields(made)
    for key, entry in mixin.items():
        fields[key] = merged_copy(fields[key], entry) if key in fields else entry
    return made


def merged(value: Any, mixin: Any) -> Any:
    """Merge a mixin's value into an object's attributes or a dict, in place; replace any other value by it."""
    if not isinstance(mixin, dict) or isinstance(value, type) or not (isinstance(value, dict) or hasattr(value, "__dict__")):
        return mixin
    fields = value if isinstance(value, dict) else _options.Fields(value)
    for key, entry in mixin.items():
        fields[key] = merged(fields[key], entry) if key in fields else entry
    return value


def placeholders(value: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of all placeholders in a value."""
    if isinstance(value, str):
        if value == KAGURAZAKA_MIXIN_PLACEHOLDER:
            yield path
        return
    if isinstance(value, (list, tuple)):
        entries: Iterable[tuple[Any, Any]] = enumerate(value)
    elif isinstance(value, dict):
        entries = value.items()
    elif is_object(value):
        entries = _options.Fields(value).items()
    else:
        return
    for key, entry in entries:
        yield from placeholders(entry, f"{path}.{key}" if path else str(key))


def is_object(value: Any) -> bool:
    """Return whether a value is an object with fields: a mode, a dataclass."""
    return hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value)


def accepted(function: Callable[..., Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a filter that keeps the keyword arguments that the function's signature takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return lambda arguments: arguments
    taken = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return lambda arguments: {name: value for name, value in arguments.items() if name in taken}
