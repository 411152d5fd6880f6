"""Positions of items as the contract's ranges."""

from __future__ import annotations

from typing import Any, Iterable


def add_ranges(ranges: Any, positions: Iterable[int]) -> None:
    """Add growing positions to a repeated IndexRange."""
    last: Any = None
    for position in positions:
        if last is not None and last.first + last.count == position:
            last.count += 1
        else:
            last = ranges.add(first=position, count=1)
