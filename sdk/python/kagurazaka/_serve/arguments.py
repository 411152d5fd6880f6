"""A task's own argparse arguments, read without running the rest of its constructor.

The constructor runs in a temporary process (throwaway.py), in which argparse's parse methods do not parse. At the first call of
one, the parser is described, and the process ends. Code before that call does run, so it must not have side effects: the process
also ends if it opens a file for writing, makes or removes files, starts processes, connects anywhere, or takes longer than a few
seconds. The task then has open arguments. If no code that the constructor reaches names a parse method, it does not run at all.
"""

from __future__ import annotations

import abc
import argparse
import dis
import importlib
import inspect
import io
import json
import os
import pathlib
import sys
from types import CodeType, FunctionType
from typing import Any, Callable, Iterator, NoReturn

from .._proto import plugin_pb2 as pb
from . import failures, taskfile
from .failures import plain
from .items import Inexact, exact_json

_PARSING = {"parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args"}
_DEPTH = 6

_WRITING_EVENTS = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.mkfifo", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.kill", "os.killpg",
    "subprocess.Popen", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree", "tempfile.mkstemp",
    "tempfile.mkdtemp", "socket.connect", "socket.bind", "socket.sendto", "sqlite3.connect", "urllib.Request",
    "webbrowser.open",
}  # fmt: skip


def may_parse(cls: type) -> bool:
    """Return whether a constructor's code, or a function it names in its module and classes, mentions a parse method."""
    seen: set[int] = set()
    return any(
        _mentions(kind.__dict__["__init__"], cls, seen, 0)
        for kind in cls.__mro__
        if isinstance(kind.__dict__.get("__init__"), FunctionType)
    )


def _mentions(function: FunctionType, cls: type, seen: set[int], depth: int) -> bool:
    if id(function) in seen or depth > _DEPTH:
        return False
    seen.add(id(function))
    names = set(_names(function.__code__))
    if any(name in _PARSING or name.startswith("parse_args") for name in names):
        return True
    if function.__closure__ and any(_mentions_cell(cell, cls, seen, depth) for cell in function.__closure__):
        return True
    for name in names:
        for found in (function.__globals__.get(name), inspect.getattr_static(cls, name, None)):
            if isinstance(found, (classmethod, staticmethod)):
                found = found.__func__
            if isinstance(found, FunctionType) and _mentions(found, cls, seen, depth + 1):
                return True
            if isinstance(found, type) and found is not cls and _class_mentions(found, cls, seen, depth):
                return True
            # A function of a sibling module: helper.get_args(args).
            if inspect.ismodule(found) and any(
                isinstance(inner := vars(found).get(part), FunctionType) and _mentions(inner, cls, seen, depth + 1) for part in names
            ):
                return True
    return False


def _mentions_cell(cell: Any, cls: type, seen: set[int], depth: int) -> bool:
    try:
        found = cell.cell_contents
    except ValueError:
        return False
    return isinstance(found, FunctionType) and _mentions(found, cls, seen, depth + 1)


def _class_mentions(found: type, cls: type, seen: set[int], depth: int) -> bool:
    if issubclass(found, argparse.ArgumentParser) or found.__module__ == "builtins":
        return False
    return any(_mentions(f, cls, seen, depth + 1) for f in vars(found).values() if isinstance(f, FunctionType))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from (constant for constant in code.co_consts if isinstance(constant, str) and constant in _PARSING)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def has_none(cls: type) -> bool:
    """Return whether a class cannot have arguments: it has no constructor, and its files do not name sys.argv."""
    own = [kind for kind in cls.__mro__ if kind is not object and not taskfile.is_base(kind)]
    if any(name in vars(kind) for kind in own for name in ("__init__", "__new__")) or type(cls) not in (type, abc.ABCMeta):
        return False
    functions = [value for kind in own for value in vars(kind).values() if isinstance(value, FunctionType)]
    return not any(_names_argv(path) for path in {function.__code__.co_filename for function in functions})


def ignored(cls: type) -> bool:
    """Return whether the constructor takes arguments and never looks at them."""
    constructor = getattr(cls, "__init__", None)
    own = [kind for kind in cls.__mro__ if kind is not object and not taskfile.is_base(kind)]
    if not isinstance(constructor, FunctionType) or any("__new__" in vars(kind) for kind in own):
        return False
    code = constructor.__code__
    if code.co_argcount != 2 or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return False
    name = code.co_varnames[1]
    if name in code.co_cellvars or {"locals", "vars", "eval", "exec", "super"} & set(code.co_names):
        return False
    loads = (step.argval for step in dis.get_instructions(code) if step.opname.startswith("LOAD"))
    return not any(name == loaded or isinstance(loaded, tuple) and name in loaded for loaded in loads) and not _names_argv(code.co_filename)


def _names_argv(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"argv" in file.read()
    except OSError:
        return True


def capture(cls: Any, answer: Callable[[argparse.ArgumentParser, bool], None], give_up: Callable[[], None]) -> None:
    """Run the constructor up to its first parse. Call this in a temporary process: answer and give_up must not return."""

    def parse(known: bool) -> Callable[..., None]:
        return lambda parser, *args, **kwargs: answer(parser, known)

    for name in _PARSING:
        setattr(argparse.ArgumentParser, name, parse("known" in name))
    _guard(give_up)
    try:
        taskfile.construct(cls, [])
    finally:
        give_up()


def check(cls: Any, args: list[str], answer: Callable[[Any], NoReturn]) -> None:
    """Run the constructor with these arguments until all are parsed, and answer with a CheckResponse.

    A parser that accepts unknown words may pass them to another one: the constructor continues until that has parsed, or
    until it does more than parse. Call this in a temporary process: answer must not return.
    """
    verdict = pb.CheckResponse()
    parsing = False

    def parse(method: Callable[..., Any], known: bool) -> Callable[..., Any]:
        def run(parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> Any:
            nonlocal parsing
            if parsing:
                return method(parser, *args, **kwargs)
            parsing = True
            out, err = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = said, complained = io.StringIO(), io.StringIO()
            try:
                result = method(parser, *args, **kwargs)
            except failures.Refused as error:
                answer(pb.CheckResponse(error=failures.of_construction(error)))
            except SystemExit as error:
                if error.code in (None, 0):
                    answer(pb.CheckResponse(ended=pb.ParserAnswer(output=plain(said.getvalue()))))
                message = complained.getvalue().strip() or f"the task's parser ended with {error.code!r}"
                answer(pb.CheckResponse(error=failures.of_configuration("", message)))
            finally:
                sys.stdout, sys.stderr = out, err
                parsing = False
            verdict.parsed = True
            del verdict.unknown[:]
            if known:
                verdict.unknown.extend(plain(str(word)) for word in result[1])
            if not verdict.unknown:
                answer(verdict)
            return result

        return run

    methods = {name: getattr(argparse.ArgumentParser, name) for name in _PARSING}
    for name, method in methods.items():
        setattr(argparse.ArgumentParser, name, parse(method, "known" in name))
    failures.refuse_by_exception()
    _open_nothing()
    _guard(lambda: answer(verdict))
    try:
        taskfile.construct(cls, args)
    finally:
        answer(verdict)


def _open_nothing() -> None:
    """Let argparse's FileType return a buffer instead of a file opened for writing."""
    opened = argparse.FileType.__call__

    def open_type(kind: argparse.FileType, text: str) -> Any:
        mode = getattr(kind, "_mode", "r")
        if "r" in mode and "+" not in mode:
            return opened(kind, text)
        return io.BytesIO() if "b" in mode else io.StringIO()

    argparse.FileType.__call__ = open_type  # type: ignore[method-assign,assignment]


def _guard(give_up: Callable[[], None]) -> None:
    """Call give_up before code writes, starts a program or connects anywhere."""
    sys.dont_write_bytecode = True
    # Constructing a decorated class imports it, and the import may write bytecode.
    importlib.import_module("..template._decorated", __package__)

    def guard(event: str, arguments: Any) -> None:
        if event == "open":
            path, _, flags = arguments
            writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if writing and path != os.devnull and not isinstance(path, int):
                give_up()
        elif event in _WRITING_EVENTS:
            give_up()

    sys.addaudithook(guard)


def describe(parser: argparse.ArgumentParser, known: bool, task: Any) -> None:
    """Fill a Task message's arguments from a parser. If the message cannot express them, they are open, with argparse's help."""
    task.open_arguments = known
    task.capabilities.append("check")
    if getattr(parser, "allow_abbrev", False):
        task.capabilities.append("abbreviations")
    odd = parser.prefix_chars != "-" or parser.fromfile_prefix_chars is not None
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        argument = None if odd else _argument(parser, action)
        if argument is None:
            odd = True
            break
        task.arguments.append(argument)
    if odd:
        del task.arguments[:]
        task.flags.extend(sorted(set(_option_strings(parser))))
        if any(action.nargs == argparse.REMAINDER and not action.option_strings for action in parser._actions):
            task.capabilities.append("remainder")
    if odd or known:
        task.open_arguments = True
        task.usage = plain(parser.format_help())
    if parser.description and not task.summary:
        summary, _, rest = plain(parser.description).strip().partition("\n")
        task.summary, task.description = summary.rstrip("."), rest.strip()


def _option_strings(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield every flag of a parser and of its sub-commands, except help, which is the host's."""
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for inner in set(action.choices.values()):
                yield from _option_strings(inner)


_FLAGS = (argparse._StoreConstAction, argparse._AppendConstAction, argparse._CountAction, argparse._VersionAction)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Any:
    """Return the Argument message of one action, or None if it cannot express that."""
    if isinstance(action, argparse._SubParsersAction) or action.nargs in (argparse.PARSER, argparse.REMAINDER):
        return None
    flags = sorted(action.option_strings, key=len, reverse=True)
    made = pb.Argument(flags=flags, required=bool(action.required), help=_help(parser, action))
    negatable = type(action).__name__ == "BooleanOptionalAction"
    if negatable:
        made.flags[:] = flags = [flag for flag in flags if not flag.startswith("--no-")]
    made.name = flags[0].lstrip("-") if flags else _metavar(action)
    if negatable or isinstance(action, _FLAGS):
        made.type, made.arity, made.negatable = pb.ARGUMENT_TYPE_BOOL, "0", negatable
        made.repeatable = isinstance(action, (argparse._CountAction, argparse._AppendConstAction))
        made.ends = isinstance(action, argparse._VersionAction)
    else:
        made.type, made.type_name = _type(action.type)
        if action.nargs is not None:
            made.arity = str(action.nargs)
        made.repeatable = isinstance(action, argparse._AppendAction)
        # A user's action class may do anything with the value.
        if type(action).__module__ != "argparse":
            made.type = pb.ARGUMENT_TYPE_CUSTOM
    if action.default is not None and action.default is not argparse.SUPPRESS:
        default = os.fspath(action.default) if isinstance(action.default, os.PathLike) else action.default
        made.default_json = _json(list(default) if isinstance(default, tuple) else default)
    if action.choices is not None:
        choices = [_json(choice) for choice in action.choices]
        if all(choices):
            made.choices_json.extend(choices)
    return made


def _metavar(action: argparse.Action) -> str:
    return action.metavar if isinstance(action.metavar, str) else str(action.dest)


def _json(value: Any) -> str:
    try:
        return exact_json(value)
    except Inexact:
        return ""


_TYPES = (
    *((None, pb.ARGUMENT_TYPE_STRING, "str"), (str, pb.ARGUMENT_TYPE_STRING, "str"), (int, pb.ARGUMENT_TYPE_INT, "int")),
    *((float, pb.ARGUMENT_TYPE_FLOAT, "float"), (json.loads, pb.ARGUMENT_TYPE_JSON, "json")),
)


def _type(convert: Any) -> tuple[Any, str]:
    for known, kind, name in _TYPES:
        if convert is known:
            return kind, name
    if isinstance(convert, argparse.FileType):
        return pb.ARGUMENT_TYPE_PATH, "file"
    if isinstance(convert, type) and issubclass(convert, pathlib.PurePath):
        return pb.ARGUMENT_TYPE_PATH, convert.__name__
    return pb.ARGUMENT_TYPE_CUSTOM, getattr(convert, "__name__", type(convert).__name__)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    if not action.help or action.help is argparse.SUPPRESS:
        return ""
    values = {key: value for key, value in vars(action).items() if value is not argparse.SUPPRESS}
    values = {key: getattr(value, "__name__", value) for key, value in values.items()}
    try:
        return plain(action.help % {**values, "prog": parser.prog})
    except (KeyError, TypeError, ValueError):
        return plain(action.help)
