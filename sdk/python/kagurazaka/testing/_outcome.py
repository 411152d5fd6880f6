"""What became of an item."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Literal, Optional

Status = Literal["done", "skipped", "failed"]
DONE: Status = "done"
SKIPPED: Status = "skipped"
FAILED: Status = "failed"


@dataclasses.dataclass
class Outcome:
    """The result for one item. For a device task with a loader of its own, an item is one of its batches."""

    # The item as it was listed: the keyword arguments of `process` without its outputs.
    item: Any
    status: Status
    # What the task raised, with its traceback; None unless the status is failed.
    exception: Optional[BaseException] = None
    # The paths of the outputs by the names of their fields: "output", "output_<id>". They need not exist.
    outputs: dict[str, pathlib.Path] = dataclasses.field(default_factory=dict)

    @property
    def output(self) -> pathlib.Path:
        """The path of ``output``. Raises AttributeError if the template has no output_mode."""
        if "output" not in self.outputs:
            raise AttributeError("the item has no output: the task's template has no output_mode")
        return self.outputs["output"]
