"""Tracebacks with the local variables of the user's functions, in which secrets are masked by the names of their variables."""

from __future__ import annotations

import re
import reprlib
from typing import Any

from . import tracebacks

_MASK = "***"
# The longest printed value, and the most variables of one function.
_LONGEST, _MOST = 200, 50
# The most exceptions of one traceback whose variables are shown: a chain may be a ring, and a group may hold thousands.
_MOST_ERRORS = 20

# A word of a name: api_key, apiKey and API-KEY have the same.
_WORDS = "pass passwd password passwords passphrase passcode pwd pw secret secrets token tokens key keys apikey cred creds credential"
_WORDS += " credentials auth authorization authentication bearer cookie cookies jwt signature dsn"
_ANY = "|".join(_WORDS.split())
_SECRET = re.compile(rf"(?:^|[^a-z])(?:{_ANY})(?:[^a-z]|$)")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What stands before the value in NAME=VALUE, NAME: VALUE and 'NAME': VALUE in a text, and the value. In quotes it may have lost its end.
_NAMED = re.compile(r"""(?P<name>\b[A-Za-z_][\w-]*)\\?["']?\s*[=:]\s*""")
_VALUE = re.compile(r"""[bru]{0,2}"[^"]*"?|[bru]{0,2}'[^']*'?|(?:Bearer|Basic|Token)\s+\S+|[^\s,;&)}\]"']+""")
# scheme://user:password@host
_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def is_secret(name: str) -> bool:
    """Return whether a variable of this name may hold a secret."""
    return _SECRET.search(_HUMP.sub("_", name).lower()) is not None


def shown(name: str, value: Any) -> str:
    """Return a variable's value as it is printed: short, on one line, and without secrets."""
    if is_secret(name):
        return _MASK
    try:
        text = masked(_short.repr(value))
    except BaseException as error:  # user code, which may raise anything
        text = f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    text = " ".join(text.split("\n"))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def masked(text: str) -> str:
    """Return a text without the secrets that their names in it tell."""
    text = _ADDRESS.sub(rf"\g<1>{_MASK}@", text)
    parts: list[str] = []
    end = 0
    # A value may have names of its own, as an address has in its query. So it is passed over only if it is a secret.
    for found in _NAMED.finditer(text):
        if found.start() < end or not is_secret(found["name"]):
            continue
        if value := _VALUE.match(text, found.end()):
            parts += [text[end : found.end()], _MASK]
            end = value.end()
    return "".join(parts) + text[end:]


class _Short(reprlib.Repr):
    """A repr that looks at the first elements of containers alone, and masks the entries of dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxtuple = self.maxlist = self.maxarray = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = 10
        self.maxstring = self.maxlong = self.maxother = _LONGEST

    def repr_dict(self, value: dict[Any, Any], level: int) -> str:
        if level <= 0 and value:
            return "{...}"
        parts = []
        for key in list(value)[: self.maxdict]:
            text = _MASK if isinstance(key, str) and is_secret(key) else self.repr1(value[key], level - 1)
            parts.append(f"{self.repr1(key, level - 1)}: {text}")
        if len(value) > self.maxdict:
            parts.append("...")
        return "{" + ", ".join(parts) + "}"


_short = _Short()


def format_exception(error: BaseException) -> str:
    """Return a traceback with the variables of the user's functions."""
    made, frames = tracebacks.cleaned(error)
    for summary, frame in (pair for one in frames[:_MOST_ERRORS] for pair in one):
        if tracebacks.is_users(frame.f_code.co_filename):
            summary.locals = _variables(frame.f_locals)
    return "".join(made.format())


def _variables(values: dict[str, Any]) -> dict[str, str]:
    names = [name for name in values if not name.startswith("__")]
    found = {name: shown(name, values[name]) for name in names[:_MOST]}
    if len(names) > _MOST:
        found["…"] = f"and {len(names) - _MOST} more"
    return found
