"""Tasks whose items are processed one by one on the CPU."""

from __future__ import annotations

from typing import Any, Iterable

from ._base import TaskBase


class KagurazakaTask(TaskBase):
    """Base of a task that processes items one by one.

    The constructor gets ``args``, the task's own command line arguments, as a list of strings for its argparse.
    The constructor and `generate_tasks` run once; workers see everything that they set on ``self``.
    """

    def __init__(self, args: list[str]) -> None:
        pass

    def generate_tasks(self) -> Iterable[dict[str, Any]]:
        """Return or yield the items: dicts whose keys are the keyword arguments of `process`."""
        raise NotImplementedError(f"{type(self).__name__} must define generate_tasks, or a template with an input_mode")

    def is_executed(self, *args: Any, **item: Any) -> bool:
        """Return whether the item is finished already. A task that does not define this processes every item."""
        raise NotImplementedError(f"{type(self).__name__} does not define is_executed")

    def process(self, *args: Any, **item: Any) -> None:
        """Process one item. An exception fails the item, and the run continues with the others."""
        raise NotImplementedError(f"{type(self).__name__} must define process")

    def __call__(self, **item: Any) -> None:
        self.process(**item)


# The methods as they are defined here. A task file may replace them in the class, and they are then its own.
CALL, IS_EXECUTED = KagurazakaTask.__call__, KagurazakaTask.is_executed
ORIGINAL = dict(vars(KagurazakaTask))
