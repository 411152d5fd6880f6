"""Finds mistakes in a task's class that are certain to fail: methods that are missing, or do not take what they are called with.

The user is told once, with file and line, before anything is listed. In doubt a class is right: where a method is not a plain function,
where code may replace it, where the names that are passed are not known.
"""

from __future__ import annotations

import abc
import contextlib
import dis
import inspect
from types import CodeType, FunctionType
from typing import Any, Iterator, Optional, Sequence

from .._proto import plugin_pb2 as pb
from ..task import normal, torch_vanilla
from ..template import io
from ..template._template import Template
from ..template.task.torch_vanilla import KagurazakaVanillaTorchMixinV1
from . import nodes, taskfile, tracebacks
from .failures import plain
from .stages import capable

# Input modes whose items have `input` alone, and output modes that add `output` alone.
_ONE_INPUT = (io.InputByExts, io.InputByGlob, io.InputBySubDirectory, io.InputFromFileTripletJsonl, io.InputFromList)
_ONE_OUTPUT = (io.OutputByApendingExt, io.OutputByReplacingExt)
_BASES = (normal.ORIGINAL, torch_vanilla.ORIGINAL, dict(vars(KagurazakaVanillaTorchMixinV1)))
# Names in code that may set attributes whose names it does not have.
_SETTERS = frozenset(("setattr", "__setattr__", "__dict__", "vars", "exec", "eval"))
# Methods that a template's field takes the place of.
_REPLACED = ("generate_tasks", "get_dataset", "get_dataloader", "is_executed", "is_each_executed")
# Instructions that use an attribute of an object, or the base's method through super().
_USES = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR")
_SPECIAL = ("__new__", "__getattr__", "__getattribute__")


def find(name: str, cls: Any, template: Optional[Template]) -> list[Any]:
    """Return the TaskProblems of a task."""
    own = [kind for kind in cls.__mro__ if kind is not object and not taskfile.is_base(kind)]
    if type(cls) not in (type, abc.ABCMeta) or any(special in vars(kind) for kind in own for special in _SPECIAL):
        return []
    look = _Look(name, cls, own)
    with contextlib.suppress(AttributeError, OSError, TypeError, ValueError):
        _examine(look, cls, template)
    return look.found


def _examine(look: _Look, cls: Any, template: Optional[Template]) -> None:
    look.constructor()
    if hasattr(cls, "_kagurazaka_never_executed") or hasattr(cls, "_kagurazaka_template"):
        return  # a template is part of the class already
    if taskfile.is_device(cls):
        _device(look, _Passed(template), template)
    else:
        _normal(look, _Passed(template), template)


class _Passed:
    """The keyword arguments that methods are certain to get."""

    def __init__(self, template: Optional[Template]) -> None:
        self.items: list[str] = []
        self.outputs: list[str] = []
        # Whether these are all.
        self.all_items, self.all_outputs = False, template is not None and template.output_mode is None
        if template is None:
            return
        mode, output = template.input_mode, template.output_mode
        if _built_in(mode):
            self.all_items = type(mode) in _ONE_INPUT
            of = {io.InputByGroup: "files", io.InputByFilenameSubfoldering: "file_to_read", io.InputByTar: "keys"}.get(type(mode))
            if self.all_items or of:
                self.items = ["input", *(f"input_{id}" for id in _keys(getattr(mode, of or "", None)))]
        if _built_in(output):
            self.all_outputs = type(output) in _ONE_OUTPUT
            self.outputs = ["output"]
            if type(output) is io.OutputByFilenameSubfoldering:
                self.outputs += [f"output_{id}" for id in _keys(output.file_to_write)]


def _built_in(mode: Any) -> bool:
    return type(mode) in nodes.BUILT_IN and not nodes.is_custom(mode)


def _keys(value: Any) -> list[str]:
    return [key for key in value if isinstance(key, str)] if isinstance(value, dict) else []


def _normal(look: _Look, passed: _Passed, template: Optional[Template]) -> None:
    if template is None or template.input_mode is None:
        why = "is not decorated and" if template is None else "has no input_mode in its template and"
        hint = "write a template above the class, such as @moemoecue_normal(…), or def generate_tasks(self)"
        if look.has("generate_tasks", why, hint, ["input_mode"]):
            look.takes("generate_tasks", 1, [], True, ["input_mode"], through_class=template is not None)
        # It may list nothing, and do the work itself.
        return
    names, everything = [*passed.items, *passed.outputs], passed.all_items and passed.all_outputs
    fields = ["input_mode", "output_mode"]
    if look.is_own("is_executed") and template.finish_check_mode is None:
        # It may do the work, and say each time that nothing is left.
        look.takes("is_executed", 1, passed.items, False, ["input_mode", "finish_check_mode"], through_class=True)
    elif look.is_own("__call__"):
        # It may call process in any way.
        look.takes("__call__", 1, passed.items, passed.all_items, ["input_mode"])
    elif look.has("process", "", f"write {_written('process', ['self'], names)}", fields):
        look.takes("process", 1, names, everything, fields, through_class=True)


def _device(look: _Look, passed: _Passed, template: Optional[Template]) -> None:
    choice = getattr(look.cls, capable.ATTRIBUTE, None)
    if choice is not None and capable.declared(look.cls) is None:
        wrong = f"{look.name}.{capable.ATTRIBUTE} is {choice!r}"
        look.say(look.place(), wrong, f"write {capable.ATTRIBUTE} = {capable.APART!r} or {capable.DEVICE!r}")
    if look.has("load_model", "", "write def load_model(self, device)"):
        look.takes("load_model", 2, [], True)
    dataloader = None if template is None else template.dataloader
    lists = template is not None and template.input_mode is not None
    if dataloader is None:
        if look.has("get_dataloader", "", "write dataloader={…} in its template, or def get_dataloader(self)", ["dataloader"]):
            look.takes("get_dataloader", 1, [], True, ["dataloader"])
    elif not lists and look.has("get_dataset", "", "write def get_dataset(self)", ["input_mode"]):
        look.takes("get_dataset", 1, [], True, ["input_mode"])
    if lists and dataloader is not None:
        hint = f"write {_written('load_data', ['self'], passed.items)}"
        if look.has("load_data", "", hint, ["input_mode"]):
            look.takes("load_data", 1, passed.items, passed.all_items, ["input_mode"])
    for check in ("is_executed", "is_each_executed"):
        if look.is_own(check) and (template is None or template.finish_check_mode is None):
            look.awaits(check, ["finish_check_mode"])
    if not lists or dataloader is None:
        return  # its own dataset or loader may be empty
    if look.is_own("__call__"):
        look.takes("__call__", 1, ["device", "batch"], True)
        return
    if look.is_own("process"):
        look.takes("process", 3, [], True)
        return
    # A collate of the task's own may make other fields.
    plain_loader = lists and isinstance(dataloader, dict) and not dataloader.get("collate_fn")
    items, fields = (passed.items, ["input_mode", "dataloader"]) if plain_loader else ([], [])
    if not look.has("inference", "", f"write {_written('inference', ['self', 'device', 'batch_size'], items)}"):
        return
    look.takes("inference", 3, items, False, fields)
    if look.is_own("postprocess"):
        look.takes("postprocess", 3, items, False, fields)
    elif look.returns("inference"):
        names, fields = [*items, *passed.outputs], [*fields, "output_mode"]
        hint = f"write {_written('postprocess_each', ['self', 'batch_idx', 'batch_size'], [*names, 'result'])}"
        if look.has("postprocess_each", "", hint, fields):
            through = template is not None and template.output_mode is not None
            look.takes("postprocess_each", 3, names, False, fields, through_class=through)


class _Look:
    """Examines the methods of one class."""

    def __init__(self, name: str, cls: Any, own: list[Any]) -> None:
        self.name, self.cls, self.own = name, cls, own
        self.found: list[Any] = []

    def say(self, where: str, message: str, suggestion: str, fields: Sequence[str] = ()) -> None:
        self.found.append(pb.TaskProblem(where=plain(where), message=plain(message), suggestion=plain(suggestion), fields=fields))

    def is_own(self, method: str) -> bool:
        """Return whether the class has a method that is not kagurazaka's."""
        found = inspect.getattr_static(self.cls, method, None)
        return found is not None and all(found is not base.get(method) for base in _BASES)

    def has(self, method: str, why: str, hint: str, fields: Sequence[str] = ()) -> bool:
        """Return whether the class has the method of its own. If it is certain to be missing, say so."""
        if self.is_own(method):
            return True
        if not self._may_be_set(method):
            words = " ".join(filter(None, [self.name, why, f"has no {method}"]))
            self.say(self.place(), words, hint, fields)
        return False

    def returns(self, method: str) -> bool:
        """Return whether a method may return something else than None."""
        found = inspect.getattr_static(self.cls, method)
        if not isinstance(found, FunctionType):
            return True
        steps = [step for step in dis.get_instructions(found) if step.opname not in ("RESUME", "CACHE", "NOP")]
        for before, step in zip([None, *steps], steps):
            if step.opname == "RETURN_CONST" and step.argval is not None:
                return True
            if step.opname == "RETURN_VALUE" and not (before is not None and before.opname == "LOAD_CONST" and before.argval is None):
                return True
        return False

    def constructor(self) -> None:
        found = inspect.getattr_static(self.cls, "__init__")
        if not isinstance(found, FunctionType) or not self.is_own("__init__"):
            return
        named = taskfile.by_keyword(found)
        self.takes("__init__", 1 if named else 2, ["args"] if named else [], True, shown=["args"])

    def takes(
        self,
        method: str,
        count: int,
        names: Sequence[str],
        everything: bool,
        fields: Sequence[str] = (),
        *,
        through_class: bool = False,
        shown: Sequence[str] = (),
    ) -> None:
        """Say so if a method cannot be called with `count` positional arguments, the task among them, and these keywords.

        everything: it gets no others. through_class: it is called as CLASS.METHOD(task, …), as templates of 0.1.1 do.
        """
        found = inspect.getattr_static(self.cls, method)
        label = f"{self.name}.{method}"
        if isinstance(found, (staticmethod, classmethod)):
            count += (1 if through_class else 0) if isinstance(found, classmethod) else (0 if through_class else -1)
            function = found.__func__
        elif isinstance(found, FunctionType):
            function = found
        else:
            if not callable(found) and not hasattr(type(found), "__get__") and not self._may_be_set(method):
                self.say(
                    self.place(), f"{label} is {_a(type(found).__name__)}, and it must be a method", f"write def {method}(self, …)", fields
                )
            return
        if not isinstance(function, FunctionType):
            return
        awaited = _is_async(function)
        why = "" if hasattr(function, "__signature__") else _misfit(function, count, names, everything)
        if not (why or awaited) or self._may_be_set(method):
            return
        leading = {"inference": ["device", "batch_size"], "postprocess_each": ["batch_idx", "batch_size"], "load_model": ["device"]}
        leading |= {"postprocess": ["batch_size", "results"], "process": ["device", "batch"] if count == 3 else []}
        hint = f"write {_written(method, ['self', *leading.get(method, ())], list(dict.fromkeys([*names, *shown])), everything)}"
        if awaited:
            # No mixin changes that, but for methods that a mode replaces.
            fields = fields if method in _REPLACED else ()
            self.say(self.place(function), f"{label} is async, and nothing awaits it", f"{hint}, with asyncio.run(…) in it", fields)
            return
        if isinstance(found, (staticmethod, classmethod)):
            hint = f"leave out @{type(found).__name__}, and {hint}"
        self.say(self.place(function), f"{label} {why}", hint, fields)

    def awaits(self, method: str, fields: Sequence[str]) -> None:
        """Say so if a method is async, whatever it takes."""
        found = inspect.getattr_static(self.cls, method)
        if isinstance(found, FunctionType) and _is_async(found) and not self._may_be_set(method):
            self.say(self.place(found), f"{self.name}.{method} is async, and nothing awaits it", f"write def {method}(self, …)", fields)

    def place(self, function: Optional[FunctionType] = None) -> str:
        """Return file and line of a function, or of the class."""
        if function is not None and not function.__code__.co_filename.startswith("<"):
            return f"{tracebacks.shown_path(function.__code__.co_filename)}:{function.__code__.co_firstlineno}"
        try:
            file = inspect.getsourcefile(self.cls) or ""
            return f"{tracebacks.shown_path(file)}:{inspect.getsourcelines(self.cls)[1]}"
        except (OSError, TypeError):
            return self.cls.__module__

    def _may_be_set(self, method: str) -> bool:
        """Return whether code of the class, or of its modules, may give the task another method."""
        modules = [vars(module) for kind in self.own if (module := inspect.getmodule(kind)) is not None]
        for space in (*map(vars, self.own), *modules):
            for value in list(space.values()):
                function = getattr(value, "__func__", value)
                if isinstance(function, FunctionType) and tracebacks.is_users(function.__code__.co_filename):
                    if any(_sets(code, method) for code in _codes(function.__code__)):
                        return True
        return any(self._hands_on(kind, method) for kind in self.own)

    def _hands_on(self, kind: type, method: str) -> bool:
        """Return whether a method of a class, other than that one, passes the task to a function, which may set the method."""
        for name, value in list(vars(kind).items()):
            function = getattr(value, "__func__", value)
            if name == "__init__" and not isinstance(function, FunctionType):
                return True
            if name != method and isinstance(function, FunctionType) and _lets_go(function.__code__):
                return True
        return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _lets_go(code: CodeType) -> bool:
    """Return whether a method does anything else with its first parameter than use its attributes."""
    if not code.co_argcount:
        return True
    task = code.co_varnames[0]
    if task in code.co_cellvars:
        return True
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "NOP", "EXTENDED_ARG")]
    for step, after in zip(steps, [*steps[1:], None]):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if "LOAD_FAST" not in step.opname or task not in names:
            continue
        if task in names[:-1] or after is None or not after.opname.startswith(_USES):
            return True
    return False


def _sets(code: CodeType, name: str) -> bool:
    if not _SETTERS.isdisjoint(code.co_names):
        return True
    return name in code.co_names and any(step.opname == "STORE_ATTR" and step.argval == name for step in dis.get_instructions(code))


def _is_async(function: FunctionType) -> bool:
    return bool(function.__code__.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR))


def _misfit(function: FunctionType, count: int, names: Sequence[str], everything: bool) -> str:
    """Return why a call with that many positional arguments and these keywords fails; empty: it may not."""
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    kinds = {parameter.kind for parameter in parameters}
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if count > len(placed) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        if not placed:
            return "takes no self"
        return f"takes {_count(len(placed))} and is called with {count}, self among them"
    taken, rest = placed[:count], [*placed[count:], *(p for p in parameters if p.kind is p.KEYWORD_ONLY)]
    by_name = {p.name for p in rest if p.kind is not p.POSITIONAL_ONLY}
    twice = [p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in names]
    if twice:
        return f"has {twice[0]} where the task itself is passed: it has no self"
    refused = [] if inspect.Parameter.VAR_KEYWORD in kinds else [name for name in names if name not in by_name]
    if refused:
        return f"does not take {' and '.join(refused)}, which it is called with"
    missing = [p.name for p in rest if p.default is p.empty and (p.kind is p.POSITIONAL_ONLY or everything and p.name not in names)]
    return f"needs {' and '.join(missing)}, which it is not called with" if missing else ""


def _written(method: str, leading: Sequence[str], names: Sequence[str], everything: bool = False) -> str:
    """Return the first line of a method as it should be."""
    closed = everything and not names or method == "__init__"
    return f"def {method}({', '.join([*leading, *names, *([] if closed else ['**kwargs'])])})"


def _count(n: int) -> str:
    return "1 argument" if n == 1 else f"{n} arguments"


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
