"""The answer to Describe."""

from __future__ import annotations

import inspect
import sys
from importlib.util import find_spec
from typing import Any, Callable, NoReturn, Optional

from .. import _version
from .._plain import VARIABLE, is_plain
from .._proto import plugin_pb2 as pb
from ..task import normal, torch_vanilla
from ..template._template import DIRECT, Template, template_of
from . import arguments, exact, failures, members, mistakes, nodes, taskfile, throwaway
from .basis.look import look
from .quiet import is_quiet
from .stages import capable
from .taskfile import TaskFile

# "template": if the task lists its items itself, the SDK applies the template's shards, outputs and checks.
_CAPABILITIES = ["spawn", "heartbeat", "staging", "direct", "template", "stderr", "exact", "placement", "debug", members.FIELD]
# What a process that does everything in the plainest way does not do: make workers by forking.
_FORKS = ("spawn", "stderr", "placement")
# Capabilities of a task: the host must open it before listing; the SDK applies its template.
OPEN_FIRST, OWN_TEMPLATE = "open_first", "own_template"
_CONSTRUCTOR_S = 5.0
_FACTORY_S = 60.0


def process_capabilities() -> list[str]:
    """Return what this process can do."""
    return [name for name in _CAPABILITIES if not (is_plain() and name in _FORKS)]


def describe(file: TaskFile, request: Any) -> Any:
    """Return the DescribeResponse for a task file. This process loads the module, but does not run constructors."""
    response = pb.DescribeResponse(
        name=failures.plain(file.name), sdk=f"python/{_version.__version__}", capabilities=process_capabilities()
    )
    try:
        module = file.module
    except BaseException as error:
        response.error.CopyFrom(failures.of_task(error))
        return response
    response.version = failures.plain(str(getattr(module, "__version__", "")))
    works, names = [], file.names()
    if request.task and request.task not in names:
        names.append(request.task)
    mixin = exact.loads(request.mixin_json) if request.mixin_json else None
    made: list[Any] = []
    parsing: list[str] = []
    for name in names:
        try:
            found = file.find(name)
        except taskfile.NoSuchTask:
            response.error.CopyFrom(no_such_task(file, name))
            continue
        if inspect.isfunction(found) and template_of(found) is None:
            made.append(pb.Task(name=name, kind=pb.TASK_KIND_FACTORY, open_arguments=True))
            _document(made[-1], found)
            if mixin is not None:
                works.append((len(made) - 1, _factory(name, found, mixin, file.left_folder)))
            continue
        cls: Any
        cls, template = taskfile.resolve(found, None)
        task = _outline(name, cls, template)
        if file.left_folder:
            task.capabilities.append(OWN_TEMPLATE)
        made.append(task)
        if is_plain():
            task.open_arguments = True
        elif arguments.may_parse(cls):
            works.append((len(made) - 1, _constructor(task, cls)))
            parsing.append(name)
    answers = throwaway.run_all([work for _, work in works], _FACTORY_S if mixin else _CONSTRUCTOR_S)
    for (index, _), answer in zip(works, answers):
        if answer is None:
            continue
        partial = pb.DescribeResponse.FromString(answer)
        if partial.HasField("error"):
            response.error.CopyFrom(partial.error)
        else:
            made[index] = partial.tasks[0]
    response.tasks.extend(made)
    if mixin is None:
        usage = any(task.usage for task in made)
        look(module, file.path, file.environment, file.before, [task.name for task in made], parsing, usage).fill(response)
        if is_plain():
            response.validity, response.once_because = pb.VALIDITY_ONCE, f"{VARIABLE} is set"
        elif None in answers:
            # It may have taken too long by chance.
            response.validity = pb.VALIDITY_ONCE
            response.once_because = response.once_because or "a constructor did not reach its parser in time"
    return response


def check(file: TaskFile, request: Any) -> Any:
    """Return the CheckResponse with the verdict of the task's own parser. The constructor runs in a temporary process."""
    try:
        found = file.find(request.task)
    except taskfile.NoSuchTask:
        return pb.CheckResponse(error=no_such_task(file, request.task))
    except BaseException as error:
        return pb.CheckResponse(error=failures.of_task(error))

    def work(answer: Callable[[bytes], None]) -> None:
        def tell(response: Any) -> NoReturn:
            answer(response.SerializeToString())
            raise AssertionError("answer ends the process")

        sys.argv = ["kagurazaka", file.path, request.task, *request.args]
        mixin = exact.loads(request.mixin_json) if request.mixin_json else {}
        arguments.check(taskfile.resolve(found, mixin)[0], list(request.args), tell)

    answer = throwaway.run_all([work], _CONSTRUCTOR_S)[0]
    return pb.CheckResponse.FromString(answer or b"")


def no_such_task(file: TaskFile, name: str) -> Any:
    """Return the Error for a name that is not a task of the file."""
    tasks = [failures.plain(known) for known in file.names()]
    return pb.Error(
        message=failures.plain(f"{file.path} has no task {name}"),
        fault=pb.FAULT_USER,
        no_such_task=pb.NoSuchTaskError(tasks=tasks),
    )


def _outline(name: str, cls: Any, template: Optional[Template]) -> Any:
    """Return the description of a task without running its constructor."""
    device = taskfile.is_device(cls)
    task = pb.Task(
        name=failures.plain(name),
        kind=pb.TASK_KIND_DEVICE if device else pb.TASK_KIND_NORMAL,
        open_arguments=not arguments.has_none(cls),
    )
    if arguments.ignored(cls):
        task.capabilities.append("ignores_arguments")
    _document(task, cls)
    if template is not None:
        task.template.CopyFrom(nodes.describe(template))
        if is_plain() or not is_quiet(cls):
            task.capabilities.append(OPEN_FIRST)
    own_loader = device and (template is None or template.dataloader is None)
    if own_loader or template is None or template.input_mode is None or not _built_in(template):
        task.capabilities.append("list")
    if device:
        own = cls.is_each_executed not in (None, torch_vanilla.IS_EACH_EXECUTED) or cls.is_executed is not torch_vanilla.IS_EXECUTED
    else:
        own = getattr(cls, "is_executed", None) not in (None, normal.IS_EXECUTED)
    if own:
        task.capabilities.append("is_executed")
    if template is not None and template.written == DIRECT:
        task.capabilities.append(DIRECT)
        if template.declared:
            task.capabilities.append("wants_direct")
    # Without torch, only the host's stages load and collate.
    if device and not (is_plain() and find_spec("torch") is not None):
        task.capabilities.extend(capable.capabilities(cls, template))
    task.problems.extend(mistakes.find(name, cls, template))
    return task


def _built_in(template: Template) -> bool:
    modes = {name: value for name, value in template.fields.items() if name != "dataloader"}
    return not any(field.value.mode.custom for field in nodes.describe(Template(template.cls, modes, lambda t: None)).fields)


def _document(task: Any, found: Any) -> None:
    """Set summary and description from the class's or function's own docstring."""
    text = inspect.cleandoc(vars(found).get("__doc__") or "") if isinstance(found, type) else inspect.getdoc(found) or ""
    summary, _, rest = failures.plain(text).strip().partition("\n")
    task.summary, task.description = summary.rstrip("."), rest.strip()


def _constructor(task: Any, cls: Any) -> throwaway.Work:
    def work(answer: Callable[[bytes], None]) -> None:
        def give_up() -> None:
            answer(pb.DescribeResponse(tasks=[task]).SerializeToString())

        def tell(parser: Any, known: bool) -> None:
            arguments.describe(parser, known, task)
            give_up()

        arguments.capture(cls, tell, give_up)

    return work


def _factory(name: str, found: Any, mixin: dict[str, Any], left_folder: bool) -> throwaway.Work:
    """Return work that calls the factory and describes the class that it returns."""
    folder = taskfile.working_folder()

    def work(answer: Callable[[bytes], None]) -> None:
        cls: Any
        try:
            cls, template = taskfile.resolve(found, mixin)
            task = _outline(name, cls, template)
            if left_folder or taskfile.working_folder() != folder:
                task.capabilities.append(OWN_TEMPLATE)
        except BaseException as error:
            answer(pb.DescribeResponse(error=failures.of_task(error)).SerializeToString())
            return
        if arguments.may_parse(cls) and not is_plain():
            _constructor(task, cls)(answer)
        answer(pb.DescribeResponse(tasks=[task]).SerializeToString())

    return work
