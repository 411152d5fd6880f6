"""The LOAD stage: load_data and collate, into a batch's region."""

from __future__ import annotations

import ast
import inspect
import random
import sys
import textwrap
from typing import Any, Callable, Optional

from ..._proto import plugin_pb2 as pb
from ...task.torch_vanilla import KagurazakaVanillaTorchTaskV1 as Base
from ...task.torch_vanilla import element_of
from ...template import _state
from .. import failures, members, native, taskfile
from ..opened import OpenedTask
from ..ranges import add_ranges
from . import common
from .collating import BadBatch, Collate, materialized
from .memory import Memory
from .payload import Packed, RegionTooSmall


class LoadServer:
    """Answers batches with their loaded and collated items."""

    def __init__(self, opened: OpenedTask, request: Any, listed: Any) -> None:
        template = opened.template
        assert template is not None
        self.opened, self.task, self.listed = opened, opened.task, listed
        self.memory = Memory(request.memory)
        self.check: Optional[Callable[..., bool]] = None
        self.check_needs_data = False
        kind = type(opened.task)
        set_here = "is_each_executed" in taskfile.listing_of(opened.task)
        if kind.is_each_executed is not Base.is_each_executed or set_here:
            # The host has run a built-in finish check already.
            if not (opened.native and template.finish_check_mode is not None):
                self.check = opened.task.is_each_executed
                own = getattr(kind.is_each_executed, "_kagurazaka_own", kind.is_each_executed)
                self.check_needs_data = set_here or template.finish_check_mode is None and _may_need_data(own)
        # Members of archives are there while load_data runs. What comes after it knows their names.
        self.load: Callable[..., Any] = opened.task.load_data
        self.names: Optional[Callable[..., dict[str, Any]]] = None
        if opened.has_members:
            self.load, self.names = members.Reader(self.load), members.names
        options = template.dataloader
        self.collate = Collate(options)
        common.use_few_cores(common.LOADER, request)
        _seed(request.worker_index)
        init = options.get("worker_init_fn") if isinstance(options, dict) else None
        if init is not None:
            init(request.worker_index)
        # The last batch that did not fit: the host sends it again with a larger region.
        self.oversized: Optional[tuple[int, Any, Packed]] = None

    def serve(self, receive: Callable[[], Optional[bytes]], send: Callable[[bytes], None]) -> None:
        """Serve until receive returns None."""
        clock = common.Clock()
        while (request := receive()) is not None:
            clock.begin()
            batch = pb.RunRequest.FromString(request).batch
            result = self._again(batch) or self._load(batch)
            clock.stamp(result)
            send(common.answer(result))

    def _again(self, batch: Any) -> Any:
        last, self.oversized = self.oversized, None
        if last is None or last[0] != batch.id or last[1].count != common.size_of(batch):
            return None
        return self._write(batch, last[1], last[2])

    def _load(self, batch: Any) -> Any:
        result = pb.BatchResult(id=batch.id)
        try:
            items = common.items_of(self.opened, batch, self.listed)
            result.count = len(items)
            if self.opened.native:
                _state.final_outputs = common.outputs_by_key(items)
                items = [native.without_outputs(item) for item in items]
            structure = self._samples(items, result)
            if structure is None:
                return result
            packed = Packed(structure)
        except BadBatch as error:
            # Smaller batches would only hide the error.
            return _all_failed(result, error.error())
        except BaseException as error:
            return _failed(batch, result, failures.of_exception(error))
        finally:
            _state.final_outputs = None
        return self._write(batch, result, packed)

    def _write(self, batch: Any, result: Any, packed: Packed) -> Any:
        try:
            result.payload.CopyFrom(packed.write(self.memory, batch.region))
        except RegionTooSmall as error:
            self.oversized = (batch.id, result, packed)
            return _failed(batch, result, error.error())
        except BaseException as error:
            return _failed(batch, result, failures.of_exception(error))
        return result

    def _samples(self, items: list[dict[str, Any]], result: Any) -> Any:
        """Return the collated batch of the remaining items, or None. The result names the others."""
        numbers: list[int] = []
        samples: list[dict[str, Any]] = []
        skipped: list[int] = []
        check = None if self.check_needs_data else self.check
        load, names = self.load, self.names
        for index, item in enumerate(items):
            try:
                plain = item if names is None else names(**item)
                if check is not None and check(**plain):
                    skipped.append(index)
                    continue
                samples.append({**plain, **load(**item)})
                numbers.append(index)
            except BaseException as error:
                result.failures.add(index=index).error.CopyFrom(failures.of_exception(error))
        add_ranges(result.skipped, skipped)
        batch = self.collate(samples) if samples else None
        if samples and self.check_needs_data and self.check is not None:
            finished = self._finished(batch, numbers, result)
            if finished:
                add_ranges(result.skipped, [numbers[i] for i in sorted(finished) if i >= 0])
                gone = {i if i >= 0 else -1 - i for i in finished}
                samples = [sample for i, sample in enumerate(samples) if i not in gone]
                batch = self.collate(samples) if samples else None
        return batch

    def _finished(self, batch: Any, numbers: list[int], result: Any) -> set[int]:
        """Return the elements that the task's own check, which needs the loaded data, finds finished; -1 - i if it failed."""
        assert self.check is not None
        whole = materialized(batch)
        finished = set()
        for i, number in enumerate(numbers):
            try:
                if self.check(**element_of(whole, i)):
                    finished.add(i)
            except BaseException as error:
                result.failures.add(index=number).error.CopyFrom(failures.of_exception(error))
                finished.add(-1 - i)
        return finished


def _failed(batch: Any, result: Any, error: Any) -> Any:
    """Return the answer for a batch that failed as a whole."""
    return pb.BatchResult(id=batch.id, count=result.count or common.size_of(batch), error=error)


def _all_failed(result: Any, error: Any) -> Any:
    """Return the answer for a batch whose items have all failed, except those with a known outcome."""
    known = {failure.index for failure in result.failures}
    for span in result.skipped:
        known.update(range(span.first, span.first + span.count))
    for index in range(result.count):
        if index not in known:
            result.failures.add(index=index).error.CopyFrom(error)
    return result


def _may_need_data(check: Any) -> bool:
    """Return whether a check may read fields that load_data makes: it names more than `input` and outputs, or uses its **rest."""
    from ..items import is_output

    try:
        parameters = list(inspect.signature(check).parameters.values())[1:]
    except (TypeError, ValueError):
        return True
    rest = None
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = parameter.name
        elif parameter.kind is not parameter.VAR_POSITIONAL and parameter.name != "input" and not is_output(parameter.name):
            return True
    if rest is None:
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(check)))
    except (OSError, TypeError, SyntaxError):
        return True
    return any(isinstance(node, ast.Name) and node.id == rest for node in ast.walk(tree))


def _seed(index: int) -> None:
    """Seed this process's random numbers, as torch does in its loader processes: forked processes would all have the same."""
    torch = sys.modules.get("torch")
    if torch is not None:
        base = int(torch.empty((), dtype=torch.int64).random_().item())
        torch.manual_seed((base + index) % (1 << 63))
    else:
        base = random.getrandbits(62)
    random.seed(base + index)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed((base + index) % (1 << 32))
