"""Runs a task in this process, by the code of a worker."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, Optional, Union

from ..template import _decorated, _outputs, _state
from ..template._template import STAGED, Template
from ..template.io import (
    InputByExts,
    InputByFilenameSubfoldering,
    InputByGroup,
    InputBySubDirectory,
    NoHardShard,
    OutputByFilenameSubfoldering,
    OutputByTar,
)
from . import _mixin
from ._outcome import DONE, FAILED, SKIPPED, Outcome

Path = Union[str, "os.PathLike[str]"]

# Input modes that list a folder, and nothing else.
_IN_FOLDERS = (InputByExts, InputByGroup, InputBySubDirectory, InputByFilenameSubfoldering)
# What fails an item. KeyboardInterrupt, the end of a debugger and what a test framework raises end the run.
ITEM_ERRORS = (Exception, SystemExit)


def run(
    task: Any,
    args: Sequence[str] = (),
    *,
    input: Union[Path, Sequence[Path], None] = None,
    output: Optional[Path] = None,
    mixin: Optional[Mapping[str, Any]] = None,
    items: Optional[Iterable[Mapping[str, Any]]] = None,
    device: str = "cpu",
    batch_size: Optional[int] = None,
    raise_on_failure: bool = False,
) -> list[Outcome]:
    """Construct a task with its arguments, process all its items one after another, and return an outcome for each.

    task is a decorated class, a class without a template, or a function that makes the task's class of the mixin. ``input`` and ``output``
    are the folders of NoHardShard. ``mixin`` sets any field of the template: nested, or by dotted names as in --mixin. ``items`` are
    processed in place of those that the task lists. A device task gets batches on ``device``; ``batch_size`` replaces the one of its
    dataloader.

    A failed item is an outcome with its exception; with ``raise_on_failure`` the first one is raised. Exceptions of the constructor and of
    the listing are always raised. Nothing of a run stays: the class, its modes, sys.argv and the working folder are afterwards what they
    were. Outputs are written as in a run, direct or staged, and outputs of failed items do not count as finished in the next one.

    Raises FileNotFoundError if an input folder is not there, ValueError if a placeholder is left, or if the template does not have what
    input, output or mixin set, and TypeError for arguments that are one text, and for methods that are missing or do not take what they
    are called with.
    """
    from .._serve import taskfile
    from .._serve.opened import OpenedTask, _reads_archives

    if isinstance(args, (str, bytes)):
        raise TypeError(f"args is {args!r}, and must be a list of words; hint: args=[{args!r}]")
    values = _mixin.nested({**(mixin or {}), **_folders(input, output)})
    kind, declared = taskfile.resolve(task, values)
    if kind is None:
        raise TypeError(f"{task!r} is not a task: pass its class")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_process(kind.__name__, args))
        template = None
        if declared is None:
            if values and kind is task:
                raise ValueError(f"{kind.__name__} has no template, so there is nothing that input, output or mixin could set")
        else:
            stack.callback(_restore, _mixin.keep(declared.fields))
            kind, template = _decorated.subclass(declared.cls, declared)
            template.takes_outputs = False
            _check_folders(template, input, output)
            _mixin.apply(template, values)
        _check(kind if declared is None else declared.cls, template)
        if template is not None:
            _install(template)
            if items is None:
                _check_input(template)
        made = taskfile.construct(kind, [str(word) for word in args])
        opened = OpenedTask(made, template, None, items_are_complete=False)
        opened.has_members = template is not None and _reads_archives(template.input_mode)
        if template is not None:
            stack.enter_context(_outputs_of(template))
        if opened.is_device:
            from ._device import outcomes
        else:
            outcomes = _outcomes
        found = []
        for outcome in outcomes(opened, items, device, batch_size):
            if raise_on_failure and outcome.exception is not None:
                raise outcome.exception
            found.append(outcome)
        return found


def _folders(input: Any, output: Any) -> dict[str, Any]:
    def text(path: Any) -> Any:
        return [os.fspath(one) for one in path] if isinstance(path, (list, tuple)) else os.fspath(path)

    given = {"input_path": input, "output_path": output}
    return {f"hard_shard_mode.{name}": text(path) for name, path in given.items() if path is not None}


def _check_folders(template: Template, input: Any, output: Any) -> None:
    mode = template.hard_shard_mode
    if (input is not None or output is not None) and not isinstance(mode, NoHardShard):
        needs = ", ".join(f"hard_shard_mode.{name}" for name in vars(mode)) if hasattr(mode, "__dict__") else "hard_shard_mode"
        raise ValueError(f"input and output are folders of NoHardShard, and the task has {type(mode).__name__}; hint: mixin sets {needs}")


def _check(cls: type, template: Optional[Template]) -> None:
    """Raise TypeError for methods that are missing or cannot be called, which a run tells before it begins."""
    from .._serve import mistakes

    found = mistakes.find(cls.__name__, cls, template)
    if found:
        raise TypeError("\n".join(f"{problem.where}: {problem.message}; hint: {problem.suggestion}" for problem in found))


def _install(template: Template) -> None:
    left = template.open()
    if left:
        hints = {"hard_shard_mode.input_path": "input=…", "hard_shard_mode.output_path": "output=…"}
        hint = ", ".join(hints.get(name, f'mixin={{"{name}": …}}') for name in left)
        raise ValueError(f"required template values are not set: {', '.join(left)}; hint: {hint}")
    if isinstance(template.output_mode, OutputByTar):
        raise ValueError("OutputByTar: the host packs the samples; hint: test the task with another output_mode, by mixin")
    template.install()


def _check_input(template: Template) -> None:
    """Raise FileNotFoundError for an input folder that is not there, which the command refuses before it lists."""
    mode, listing = template.hard_shard_mode, template.input_mode
    if type(mode) is not NoHardShard or type(listing) not in _IN_FOLDERS:
        return
    paths = mode.input_path if isinstance(mode.input_path, (list, tuple)) else [mode.input_path]
    for path in paths:
        if isinstance(path, (str, os.PathLike)) and not os.path.exists(path):
            raise FileNotFoundError(errno.ENOENT, "there is no such input folder", os.fspath(path))


@contextlib.contextmanager
def _process(name: str, args: Sequence[str]) -> Iterator[None]:
    """Give the task the command line of a worker; and afterwards the process its state."""
    argv, folder = sys.argv, os.getcwd()
    state = {key: value for key, value in vars(_state).items() if not callable(value) and not key.startswith("__")}
    sys.argv = ["kagurazaka", argv[0], name, *map(str, args)]
    try:
        yield
    finally:
        sys.argv = argv
        os.chdir(folder)
        vars(_state).update(state)


def _restore(functions: list[Callable[[], None]]) -> None:
    for function in functions:
        function()


@contextlib.contextmanager
def _outputs_of(template: Template) -> Iterator[None]:
    """Set up how outputs are written, if the finish check recognises them: direct with a journal, or staged."""
    if not template.finish_field or not _outputs.is_built_in(template.output_mode):
        yield
        return
    from .._proto import plugin_pb2 as pb
    from .._serve.journal import Journal
    from .._serve.staging import Stager

    root = os.fspath(template.hard_shard_mode.get_shard_output())
    own = os.path.abspath(os.path.join(root, ".kagurazaka"))
    os.makedirs(own, mode=0o700, exist_ok=True)
    folder = isinstance(template.output_mode, OutputByFilenameSubfoldering)
    journal = Journal(pb.Direct(unfinished=os.path.join(own, "unfinished"), root=root, field=template.finish_field), folder)
    try:
        if template.written == STAGED:
            with tempfile.TemporaryDirectory(prefix="staging-", dir=own) as staging:
                _state.stager, _state.known = Stager(staging, folder, [template.finish_field]), journal
                yield
        else:
            _state.journal = journal
            yield
    finally:
        journal.refresh()
        with contextlib.suppress(OSError):
            if not journal.keys and os.listdir(own) == ["unfinished"]:
                os.unlink(journal.direct.unfinished)
            os.rmdir(own)


def outputs_of(template: Optional[Template], item: Any) -> dict[str, pathlib.Path]:
    """Return the paths of an item's outputs by their fields."""
    if template is None or template.output_mode is None or not isinstance(item, Mapping):
        return {}
    try:
        found = template.final_outputs(dict(item))
    except ITEM_ERRORS:
        return {}  # the item has failed for that reason
    return {name: pathlib.Path(value.path) for name, value in found.items() if hasattr(value, "path")}


def _outcomes(opened: Any, items: Optional[Iterable[Mapping[str, Any]]], device: str, batch_size: Optional[int]) -> Iterator[Outcome]:
    """Process the items of a task that takes them one by one."""
    from .._serve import members
    from .._serve.listed import Listed
    from .._serve.running import _calls

    listed = list(opened.task.generate_tasks() if items is None else items)
    check, call = _calls(opened)
    if opened.has_members:
        check, call = check and members.named(check), members.Reader(call)
    # The task gets copies, as in a run: what it changes in one item, another does not show.
    for item, copy in zip(listed, Listed(listed).copies(0, len(listed))):
        status, exception = DONE, None
        try:
            if check is not None and check(**copy):
                status = SKIPPED
            else:
                call(**copy)
        except ITEM_ERRORS as error:
            status, exception = FAILED, error
        yield Outcome(item, status, exception, outputs_of(opened.template, item))
