"""Items of templates that the host applies: they arrive with their outputs, which are staged and committed here."""

from __future__ import annotations

from typing import Any, Callable, Optional

from ..task.normal import CALL
from ..template import _state
from ..template.io import FileTriplet
from .items import is_output
from .opened import OpenedTask

Call = Callable[..., Any]


def calls(opened: OpenedTask) -> tuple[Optional[Call], Call]:
    """Return the functions that check and process one complete item: (check or None, call)."""
    task, template = opened.task, opened.template
    assert template is not None
    check = None
    # The host has run a built-in finish check; the task's own runs here.
    if template.finish_check_mode is None and not task._kagurazaka_never_executed:
        check = _check(task)
    own = _own(task)
    if own is not None and check is not None:
        # The task's own check may set another `process`.
        through, attributes = _through_call(task), getattr(task, "__dict__", {})

        def either(**item: Any) -> None:
            if "process" in attributes:
                through(**item)
            else:
                own(task, **item)

        return check, _staged(opened, either)
    if own is not None:
        # This skips the template's wrapper, which would only look up the outputs that are known here.
        def process(**item: Any) -> None:
            own(task, **item)

        return check, _staged(opened, process)
    return check, _staged(opened, _through_call(task))


def direct(opened: OpenedTask) -> Optional[Call]:
    """Return the user's function if the worker can call it directly with an item that is one file, or None."""
    task, stager = opened.task, opened.stager
    if stager is not None and stager.makes_folder:
        return None
    return _own(task)


def _own(task: Any) -> Optional[Call]:
    """Return the user's function that the template has wrapped, or None if the user overrides __call__ or sets another `process`."""
    if type(task).__call__ is not CALL or "process" in getattr(task, "__dict__", ()):
        return None
    return getattr(type(task).process, "_kagurazaka_own", None)


def outputs_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item's outputs."""
    return {name: value for name, value in item.items() if is_output(name) and type(value) is FileTriplet}


def without_outputs(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item as the input mode made it."""
    return {name: value for name, value in item.items() if not (is_output(name) and type(value) is FileTriplet)}


def _staged(opened: OpenedTask, process: Call) -> Call:
    stager, template = opened.stager, opened.template
    assert template is not None
    if stager is None:
        journal = opened.journal

        def in_place(**item: Any) -> None:
            if "output" not in item:
                item = {**item, **template.outputs(item)}
            if journal is not None:
                journal.run(item, lambda: _in_place(template, process, item))
                return
            _in_place(template, process, item)

        return in_place

    def staged(**item: Any) -> None:
        if "output" not in item:
            # The task listed the item itself, so the host could not add its outputs.
            item = {**item, **template.outputs(item)}
        try:
            process(**stager.begin(item))
        except BaseException:
            stager.abort()
            raise
        stager.commit()

    return staged


def _in_place(template: Any, process: Call, item: dict[str, Any]) -> None:
    template.make_folders(item)
    process(**item)


def _through_call(task: Any) -> Call:
    """Return a function for a task that overrides __call__, or a subclass of the decorated class. It sees the item as the
    input mode made it, and the template's `process` adds the outputs."""

    def call(**item: Any) -> None:
        base = without_outputs(item)
        _state.outputs = {_state.key_of(base): outputs_of(item)}
        stager, _state.stager = _state.stager, None
        journal, _state.journal = _state.journal, None
        try:
            task(**base)
        finally:
            _state.outputs = None
            _state.stager, _state.journal = stager, journal

    return call


def _check(task: Any) -> Call:
    def check(**item: Any) -> bool:
        base = without_outputs(item)
        _state.final_outputs = {_state.key_of(base): outputs_of(item)}
        try:
            return bool(task.is_executed(**base))
        finally:
            _state.final_outputs = None

    return check
