"""Values that JSON cannot express, in the form of docs/protocol.md ("Values"): infinities and NaN, bytes, and maps with keys
that are not text."""

from __future__ import annotations

import base64
import json
from typing import Any

KEY = "$exact"


def loads(text: Any) -> Any:
    """Return the value of a JSON text in which objects with the single key $exact stand for such values."""
    return json.loads(text, object_hook=_hook)


def _hook(read: dict[str, Any]) -> Any:
    if len(read) != 1 or KEY not in read:
        return read
    kind, content = read[KEY]
    if kind == "float":
        return float(content)
    if kind == "bytes":
        return base64.b64decode(content)
    return {key: value for key, value in content}


def scalar(value: Any) -> str:
    """Return the JSON text of a float or of bytes."""
    if isinstance(value, bytes):
        return json.dumps({KEY: ["bytes", base64.b64encode(value).decode()]})
    return json.dumps({KEY: ["float", repr(value)]})
