"""Loading a task file, and finding tasks in it."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import sys
import types
from typing import Any, Iterator, Optional

from ..task.normal import KagurazakaTask
from ..task.torch_vanilla import KagurazakaVanillaTorchTaskV1
from ..template._template import Template, template_of
from . import modulepath, tracebacks


class NoSuchTask(Exception):
    """The file has no task with that name."""


SHA256 = "KAGURAZAKA_TASK_SHA256"
# The words of the run's command line, as JSON.
ARGV = "KAGURAZAKA_TASK_ARGV"


class CheckedLoader(importlib.machinery.SourceFileLoader):
    """Loads a file only if it has the hash that the host has checked.

    It compiles the hashed bytes. It never reads bytecode, which anybody could have put beside the file.
    """

    def __init__(self, name: str, path: str, expected: str) -> None:
        super().__init__(name, path)
        self.expected = expected

    def get_code(self, fullname: str) -> Any:
        source = self.get_data(self.path)
        found = hashlib.sha256(source).hexdigest()
        if found != self.expected:
            raise ImportError(
                f"{self.path} was not loaded: its SHA-256 is {found}, not {self.expected}; it has changed since it was checked"
            )
        # Not by source_to_code, which may use a cache.
        return compile(source, self.path, "exec", dont_inherit=True)


class TaskFile:
    """The module of a task file."""

    def __init__(self, path: str) -> None:
        self.path = path
        # Removed from the environment: it does not apply to plugins of a kagurazaka that user code may start.
        self._expected = os.environ.pop(SHA256, "")
        words = os.environ.pop(ARGV, "")
        self._words: list[str] = json.loads(words) if words else [path]
        self.name = os.path.splitext(os.path.basename(path))[0]
        self._module: Any = None
        # The environment with which the module was loaded.
        self.environment: dict[str, str] = {}
        # The modules that were loaded before it.
        self.before: dict[str, types.ModuleType] = {}
        # Whether loading it has changed the working folder.
        self.left_folder = False

    @property
    def module(self) -> Any:
        """The module, loaded at first use."""
        self.load()
        return self._module

    def opens(self, task: str, args: list[str]) -> None:
        """Name the task that is opened, for a file that is not loaded yet: on another machine, the command line is not that of the run."""
        if len(self._words) == 1:
            self._words += [task, *args]

    def load(self) -> None:
        """Load the module once: with its folder first on sys.path, under the file's name."""
        if self._module is None:
            folder = working_folder()
            self._module = self._load()
            self.left_folder = working_folder() != folder

    def _load(self) -> Any:
        self.environment = dict(os.environ)
        tracebacks.own.add(os.path.abspath(self.path))
        tracebacks.own.add(self.path)
        modulepath.add_task_folder(os.path.dirname(os.path.abspath(self.path)), self.name)
        self.before = dict(sys.modules)
        sys.argv = ["kagurazaka", *self._words]
        loader = CheckedLoader(self.name, self.path, self._expected) if self._expected else None
        spec = importlib.util.spec_from_file_location(self.name, self.path, loader=loader)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickle look modules up by name. A task file with the name of a loaded module ("random.py") must
        # not replace that.
        known = self.name not in sys.modules
        if known:
            sys.modules[self.name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            if known:
                sys.modules.pop(self.name, None)
            raise
        finally:
            sys.argv = ["kagurazaka", self.path]
        if "logging" in sys.modules:
            _show_logging()
        return module

    def find(self, name: str) -> Any:
        """Return the class or function with that name. Raises NoSuchTask."""
        try:
            found = getattr(self.module, name)
        except AttributeError:
            raise NoSuchTask(name) from None
        if not (inspect.isclass(found) or inspect.isfunction(found)):
            raise NoSuchTask(name)
        return found

    def names(self) -> list[str]:
        """Return the names of the tasks that are defined or decorated in the file, in its order."""
        return [name for name, _ in self._listed()]

    def _listed(self) -> Iterator[tuple[str, Any]]:
        seen = set()
        for name, value in vars(self.module).items():
            if name.startswith("_") or id(value) in seen:
                continue
            template = template_of(value)
            cls = template.cls if template else value
            if not inspect.isclass(cls) or cls.__module__ != self.name:
                continue
            if template or runs(cls):
                seen.add(id(value))
                yield name, value


def runs(cls: type) -> bool:
    """Return whether a class has the methods that a task without a template needs."""

    def own(method: str) -> bool:
        found = getattr(cls, method, None)
        bases = (KagurazakaTask, KagurazakaVanillaTorchTaskV1)
        return found is not None and all(found is not getattr(base, method, None) for base in bases)

    if is_device(cls):
        return own("get_dataset") or own("get_dataloader")
    return own("generate_tasks") and (own("process") or (own("__call__") and inspect.isfunction(cls.__call__)))


def working_folder() -> str:
    """Return the working folder; empty if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


# Methods that decide which items are listed or skipped; a constructor may set them on the task.
LISTING = ("generate_tasks", "is_executed", "is_each_executed")


def listing_of(task: Any) -> tuple[str, ...]:
    """Return those of them that the constructor has set."""
    return tuple(name for name in LISTING if name in getattr(task, "__dict__", ()))


def is_base(cls: type) -> bool:
    """Return whether a class belongs to kagurazaka."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def construct(cls: Any, args: list[str]) -> Any:
    """Construct the task with its own arguments. The class itself has the template's methods, or needs none."""
    template = template_of(cls)
    if template is not None:
        template.itself = True
    return cls(args=args) if by_keyword(cls) else cls(args)


def by_keyword(constructor: Any) -> bool:
    """Return whether a constructor gets its arguments as `args=`, as in 0.1.1. One that cannot take that gets them by position."""
    try:
        parameters = inspect.signature(constructor).parameters
    except (TypeError, ValueError):
        return True
    return (
        "args" in parameters
        and parameters["args"].kind is not inspect.Parameter.POSITIONAL_ONLY
        or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    )


def is_device(cls: type) -> bool:
    """Return whether a class is a device task."""
    return issubclass(cls, KagurazakaVanillaTorchTaskV1)


def resolve(found: Any, mixin: Optional[dict[str, Any]]) -> tuple[Optional[type], Optional[Template]]:
    """Return a found task's class, and its template if it is decorated. (None, None): a factory, without a mixin to call it."""
    template = template_of(found)
    if template is not None:
        return template.cls, template
    if inspect.isclass(found):
        return found, None
    if mixin is None:
        return None, None
    made = found(mixin)
    if not inspect.isclass(made) and template_of(made) is None:
        raise TypeError(f"{found.__name__} must return the task's class, not {made!r}")
    return resolve(made, mixin)


def _show_logging() -> None:
    """Send user code's log records to the host, from INFO on, unless the task file has set up logging itself."""
    import logging

    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_host_formatter())
    root.addHandler(handler)
    root.setLevel(logging.INFO)


_LEVELS = ((40, "error"), (30, "warn"), (20, "info"), (10, "debug"))


def _host_formatter() -> Any:
    import json
    import logging
    import time

    class HostFormatter(logging.Formatter):
        """Formats a record as a JSON object on one line, for the host's log."""

        def format(self, record: logging.LogRecord) -> str:
            text = super().format(record)
            level = next((name for number, name in _LEVELS if record.levelno >= number), "trace")
            seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            return json.dumps(
                {
                    "@level": level,
                    "@message": text,
                    "@module": record.name,
                    "@timestamp": f"{seconds}.{int(record.created % 1 * 1e6):06d}Z",
                }
            )

    return HostFormatter()
