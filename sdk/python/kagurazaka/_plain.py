"""Whether KAGURAZAKA_PLAIN=1 is set. The SDK then does everything in the plainest way: see docs/debugging.md for the list."""

from __future__ import annotations

import os

VARIABLE = "KAGURAZAKA_PLAIN"


def is_plain() -> bool:
    return os.environ.get(VARIABLE, "") not in ("", "0")
