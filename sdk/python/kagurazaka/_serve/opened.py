"""A task that was opened: its class found, its template resolved, its constructor run."""

from __future__ import annotations

import sys
from typing import Any, Optional

from .._proto import plugin_pb2 as pb
from ..task.normal import IS_EXECUTED
from ..template import _state
from ..template._template import Template
from ..template.io import (
    InputByFilenameSubfoldering,
    InputByGroup,
    InputByMerge,
    InputByTar,
    InputFromWhateverJsonl,
    OutputByFilenameSubfoldering,
)
from . import exact, failures, members, nodes, taskfile, tracebacks
from .describe import no_such_task
from .failures import UserMistake
from .journal import Journal
from .staging import Stager
from .taskfile import NoSuchTask, TaskFile
from .unwritten import Unwritten


class OpenedTask:
    """The task of this process."""

    def __init__(self, task: Any, template: Optional[Template], request: Any, items_are_complete: bool) -> None:
        self.task = task
        self.template = template
        self.request = request
        # Whether the host has listed inputs, computed outputs and skipped what is finished.
        self.native = template is not None and items_are_complete
        # Set if outputs are staged, or direct and noted. Neither is set if finished outputs cannot be recognised.
        self.stager: Optional[Stager] = None
        self.journal: Optional[Journal] = None
        # The counter for missing outputs without stager and journal: under a user's output mode, and with mixin_mode=False.
        self.unwritten = Unwritten()
        # Whether the constructor has changed the template, which is then applied in this process.
        self.changed_template = False
        # Whether inputs may be members of tar archives: the host says so, or this process lists them.
        self.has_members = False
        # A device task's own DataLoader, once it was made.
        self.loader: Any = None

    @property
    def is_device(self) -> bool:
        return taskfile.is_device(type(self.task))

    @property
    def input_is_triplet(self) -> bool:
        """Whether an item's `input` is a FileTriplet that travelled as JSON. The lines of a user's file stay dicts."""
        return self.template is None or not isinstance(self.template.input_mode, InputFromWhateverJsonl)

    @property
    def has_files(self) -> bool:
        """Whether the fields input_<id> of an item are FileTriplets that travelled as JSON. In other items they are the user's own."""
        return self.template is not None and isinstance(
            self.template.input_mode, (InputByGroup, InputByFilenameSubfoldering, InputByMerge, InputByTar)
        )

    def prepare_outputs(self, request: Any) -> None:
        """Set up how outputs are written, according to the request."""
        _state.unwritten = self.unwritten
        if self.template is None or self.template.output_mode is None:
            return
        if request.HasField("staging"):
            staging = request.staging
            self.stager = Stager(staging.dir, staging.folder, list(staging.last))
            _state.stager = self.stager
            if request.HasField("direct"):
                _state.known = Journal(request.direct, self.stager.makes_folder)
        elif request.HasField("direct"):
            self.journal = Journal(request.direct, isinstance(self.template.output_mode, OutputByFilenameSubfoldering))
            _state.journal = self.journal


def open_task(file: TaskFile, request: Any) -> tuple[Optional[OpenedTask], Any]:
    """Construct the task that the request names. Returns (task, None) or (None, Error)."""
    failures.shows_locals = tracebacks.shows_all = request.debug.locals
    try:
        file.opens(request.task, list(request.args))
        file.load()
        found = file.find(request.task)
    except NoSuchTask:
        return None, no_such_task(file, request.task)
    except BaseException as error:
        return None, failures.of_task(error)
    sys.argv = ["kagurazaka", file.path, request.task, *request.args]
    _state.outputs_outside, _state.list_outputs = request.listing.outputs_outside, request.listing.list_outputs
    failures.refuse_by_exception()
    try:
        mixin = exact.loads(request.mixin_json) if request.mixin_json else {}
        cls, template = taskfile.resolve(found, mixin)
        if template is not None:
            if request.HasField("template"):
                nodes.apply(template, request.template, file.module)
            else:
                template.merge(mixin)
            try:
                template.install()
            except ValueError as error:
                raise UserMistake(str(error)) from error
        tracebacks.add_own(cls)
        before = _standing(template)
        task = taskfile.construct(cls, list(request.args))
        listing = taskfile.listing_of(task)
        changed = request.native_template and (_standing(template) != before or bool(listing))
        if changed and request.stage != pb.STAGE_SPAWN:
            raise UserMistake(
                f"the constructor of {request.task} changes the template, the working folder or one of {', '.join(taskfile.LISTING)},"
                " which a run with workers that construct the task by themselves cannot follow: leave out --start_method spawn, --mtls and"
                " KAGURAZAKA_PLAIN"
            )
    except BaseException as error:
        return None, failures.of_construction(error)
    opened = OpenedTask(task, template, request, request.native_template and not changed)
    opened.changed_template = changed
    opened.has_members = members.FIELD in request.capabilities or template is not None and _reads_archives(template.input_mode)
    try:
        opened.prepare_outputs(request)
    except (OSError, ValueError) as error:
        return None, failures.of_exception(error)
    return opened, None


def _reads_archives(mode: Any) -> bool:
    # A merge keeps the members of a manifest's items.
    of_merge = (InputByTar, InputFromWhateverJsonl)
    return isinstance(mode, InputByTar) or isinstance(mode, InputByMerge) and any(isinstance(one, of_merge) for one in mode.modes)


def _standing(template: Optional[Template]) -> Any:
    """Return what the host knows about a task: its working folder and its template."""
    return None if template is None else (taskfile.working_folder(), nodes.describe(template))


def never_executed(task: Any) -> bool:
    """Return whether the task has no finish check, so that every item is processed."""
    if "is_executed" in taskfile.listing_of(task):
        return False
    check = getattr(type(task), "is_executed", None)
    return check is None or check is IS_EXECUTED
