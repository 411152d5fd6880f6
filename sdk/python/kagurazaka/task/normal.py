"""Tasks whose items are processed one by one on the CPU."""

from __future__ import annotations

from typing import Any, Iterable


class KagurazakaTask:
    """Base of a task that processes items one by one.

    The constructor gets ``args``, the command line arguments that are the task's own, as a list of strings for the
    task's argparse. It and `generate_tasks` run once; workers see everything they left on ``self``.
    """

    def __init__(self, args: list[str]) -> None:
        pass

    def generate_tasks(self) -> Iterable[dict[str, Any]]:
        """Return or yield the items: dicts whose keys are the keyword arguments of `process`."""
        raise NotImplementedError(f"{type(self).__name__} has to define generate_tasks, or a template with an input_mode")

    def is_executed(self, *args: Any, **item: Any) -> bool:
        """Say whether the item is finished already. A task that does not define this processes every item."""
        raise NotImplementedError(f"{type(self).__name__} does not define is_executed")

    def process(self, *args: Any, **item: Any) -> None:
        """Do the work of one item."""
        raise NotImplementedError(f"{type(self).__name__} has to define process")

    def __call__(self, **item: Any) -> None:
        self.process(**item)
