"""The template of tasks that process items one by one."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Optional, TypeVar

from ...task.normal import IS_EXECUTED
from .._template import DEFAULT_SOFT_SHARD, Template, accepted, decorator
from ..io import FinishCheckMode, HardShardMode, InputMode, OutputMode, SoftShard

Task = TypeVar("Task", bound=type)


def template_normal(
    hard_shard_mode: HardShardMode,
    soft_shard: Optional[SoftShard] = DEFAULT_SOFT_SHARD,
    input_mode: Optional[InputMode] = None,
    output_mode: Optional[OutputMode] = None,
    finish_check_mode: Optional[FinishCheckMode] = None,
    apply: bool = True,
    mixin_mode: bool = True,
    outputs: Optional[str] = None,
) -> Callable[[Task], Task]:
    """Give a task a template.

    With an input_mode, it lists the items, as ``input``. With an output_mode, `process` gets ``output`` (and
    ``output_<id>``). With a finish_check_mode as well, finished items are skipped. Any field, also inside modes, lists
    and dicts, may be PLACEHOLDER, which the mixin fills. ``apply=False`` returns the class unchanged;
    ``mixin_mode=False`` applies the template at once, without a mixin.

    ``outputs`` selects how outputs are written. With ``"direct"``, the default, `process` gets the output's final path, and
    an output that was begun and not completed does not count as finished. With ``"staged"``, it gets a path in a staging folder, and
    the files that it writes there are renamed into place when the item is done. A class may also set ``kagurazaka_outputs = "staged"``.

    Raises ValueError when the template is applied, if a placeholder is left or the finish check has no output_mode.
    """
    fields = {
        "hard_shard_mode": hard_shard_mode,
        "soft_shard": soft_shard,
        "input_mode": input_mode,
        "output_mode": output_mode,
        "finish_check_mode": finish_check_mode,
    }
    return decorator(fields, _install, apply, mixin_mode, outputs)


task = template_normal


def _install(template: Template) -> None:
    cls: Any = template.cls
    own_list: Any = getattr(cls, "generate_tasks", None)
    own_process = cls.process
    own_check = getattr(cls, "is_executed", None)

    def generate_tasks(self: Any) -> Iterable[Any]:
        return template.listed(lambda: own_list(self))

    def process(self: Any, **item: Any) -> None:
        if template.output_mode is None or template.takes_outputs and "output" in item:
            return own_process(self, **item)
        return template.call_with_outputs(own_process, self, (), item)

    def is_executed(self: Any, **item: Any) -> bool:
        if template.finish_check_mode is not None:
            return template.is_finished(item)
        if own_check is None or own_check is IS_EXECUTED:
            return False
        if template.output_mode is None:
            return own_check(self, **item)
        outputs = accepted(own_check)(template.final_outputs(item))
        return own_check(self, **item, **outputs)

    generate_tasks._kagurazaka_own = own_list  # type: ignore[attr-defined]
    process._kagurazaka_own = own_process  # type: ignore[attr-defined]
    cls.generate_tasks = generate_tasks
    cls.process = process
    cls.is_executed = is_executed
    cls._kagurazaka_never_executed = own_check in (None, IS_EXECUTED)
