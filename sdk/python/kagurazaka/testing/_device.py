"""Runs a device task: its items in batches, one batch after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from .._serve import members, taskfile
from .._serve.batches import _select, _selectable
from .._serve.stages import context
from .._serve.stages.collating import BadBatch, Collate, materialized
from .._serve.stages.elements import check_length, postprocessed
from .._serve.stages.load import _may_need_data
from ..task.torch_vanilla import KagurazakaVanillaTorchTaskV1 as Base
from ..task.torch_vanilla import batch_length, element_of, has_elements
from ..template.task.torch_vanilla import loader_options
from ._outcome import DONE, FAILED, SKIPPED, Outcome
from ._run import ITEM_ERRORS, outputs_of

# The size of batches that the dataloader does not set, as in sdktest.
_SIZE = 8


def outcomes(opened: Any, items: Optional[Iterable[Mapping[str, Any]]], device: str, batch_size: Optional[int]) -> Iterator[Outcome]:
    """Load the model and process all batches."""
    context.require(device)
    task, template = opened.task, opened.template
    task.load_model(device)
    loads = template is not None and template.input_mode is not None and template.dataloader is not None
    runner = _Batches(opened, device, loads)
    if not loads:
        if items is not None:
            raise ValueError("items: the task has a loader of its own, which makes the batches")
        for batch in task.get_dataloader():
            yield runner.whole(batch)
        return
    listed = list(template.listed(list) if items is None else items)
    options = dict(template.dataloader)
    if batch_size is not None:
        options["batch_size"] = batch_size
    for numbers in _batches(listed, options):
        yield from runner.loaded([listed[i] for i in numbers])


def _batches(items: list[Any], options: dict[str, Any]) -> Iterable[list[int]]:
    """Return the positions of the items of each batch."""
    if options.get("batch_by") is not None:
        from ..template.task.torch_vanilla import ItemDataset

        return list(loader_options({"batch_size": _SIZE, **options}, ItemDataset(None, items))["batch_sampler"])
    size = options.get("batch_size", _SIZE) or 1
    return [list(range(first, min(first + size, len(items)))) for first in range(0, len(items), size)]


class _Batches:
    """Processes batches as a worker's device process does."""

    def __init__(self, opened: Any, device: str, loads: bool) -> None:
        self.task, self.template, self.device = opened.task, opened.template, device
        kind = type(opened.task)
        own = taskfile.listing_of(opened.task)
        # The task does everything itself; it postprocesses, or checks, whole batches; it checks elements.
        self.takes_over = kind.process is not Base.process or kind.__call__ is not Base.__call__
        self.postprocesses = kind.postprocess is not Base.postprocess
        self.checks_batches = kind.is_executed is not Base.is_executed or "is_executed" in own
        self.checks_each = kind.is_each_executed is not Base.is_each_executed or "is_each_executed" in own
        # Elements are checked before they are loaded, if the check needs nothing that loading makes.
        self.checks_items = False
        if self.checks_each and loads:
            check = getattr(kind.is_each_executed, "_kagurazaka_own", kind.is_each_executed)
            by_template = self.template.finish_check_mode is not None
            self.checks_items = by_template or "is_each_executed" not in own and not _may_need_data(check)
        options = getattr(self.template, "dataloader", None) or {}
        self.collate = self._whole_collate(options) if self.takes_over else lambda samples: materialized(Collate(options)(samples))
        self.load: Any = getattr(self.task, "load_data", None)
        self.names: Any = dict
        if opened.has_members:
            self.load, self.names = members.Reader(self.task.load_data), members.names

    def _whole_collate(self, options: Mapping[str, Any]) -> Any:
        if options.get("collate_fn") is not None:
            return options["collate_fn"]
        from torch.utils.data.dataloader import default_collate

        return default_collate

    def whole(self, batch: Any) -> Outcome:
        """Process a batch that is one item."""
        size = batch_length(batch) if hasattr(batch, "keys") else 1
        made = [Outcome(batch, DONE) for _ in range(size)]
        self._process(batch, made)
        failed = next((one for one in made if one.exception is not None), None)
        if failed is not None:
            return failed
        return Outcome(batch, SKIPPED if made and all(one.status == SKIPPED for one in made) else DONE)

    def loaded(self, items: list[Any]) -> list[Outcome]:
        """Load the items of a batch and process it."""
        made = [Outcome(item, DONE, None, outputs_of(self.template, item)) for item in items]
        samples, left = [], []
        for outcome in made:
            try:
                plain = self.names(**outcome.item)
                if self.checks_items and self.task.is_each_executed(**plain):
                    outcome.status = SKIPPED
                    continue
                samples.append({**plain, **self.load(**outcome.item)})
                left.append(outcome)
            except ITEM_ERRORS as error:
                _fail([outcome], error)
        if left:
            self._collated(samples, left)
        return made

    def _collated(self, samples: list[Any], items: list[Outcome]) -> None:
        try:
            batch = self.collate(samples)
        except ITEM_ERRORS as error:
            self._halve(samples, items, error)
            return
        failed = self._process(batch, items, halves=not (self.takes_over or self.checks_batches))
        if failed is not None:
            self._halve(samples, items, failed)

    def _halve(self, samples: list[Any], items: list[Outcome], error: BaseException) -> None:
        """Try the halves of a batch that failed. A batch of one item fails the item."""
        left = [i for i, item in enumerate(items) if item.status == DONE]
        if len(left) < 2 or isinstance(error, BadBatch) or self.takes_over:
            _fail([items[i] for i in left], error)
            return
        for half in (left[: len(left) // 2], left[len(left) // 2 :]):
            self._collated([samples[i] for i in half], [items[i] for i in half])

    def _process(self, batch: Any, items: list[Outcome], halves: bool = False) -> Optional[BaseException]:
        """Process a collated batch; entry i belongs to items[i]. Returns the exception of inference if the batch is to be halved."""
        try:
            left = self._unfinished(batch, items)
            if not left:
                return None
            if len(left) < len(items):
                batch, items = _select(batch, left), [items[i] for i in left]
            if self.takes_over:
                self.task(device=self.device, batch=batch)
                return None
            size = batch_length(batch)
            results = self.task.inference(self.device, size, **batch)
            if has_elements(results) and not self.postprocesses:
                check_length(results, size)
        except ITEM_ERRORS as error:
            if halves:
                return error
            _fail(items, error)
            return None
        try:
            if self.postprocesses:
                self.task.postprocess(size, results, **batch)
                return None
            for i, raised in postprocessed(self.task, size, results, batch):
                if not isinstance(raised, ITEM_ERRORS):
                    raise raised
                _fail([items[i]], raised)
        except ITEM_ERRORS as error:
            _fail(items, error)
        return None

    def _unfinished(self, batch: Any, items: list[Outcome]) -> list[int]:
        """Return the positions to process. The items at the others are marked as skipped."""
        everything = list(range(len(items)))
        left = everything
        if self.checks_batches:
            left = [] if self.task.is_executed(batch) else everything
        elif self.checks_each and not self.checks_items:
            left = [i for i in everything if not self.task.is_each_executed(**element_of(batch, i))]
            if left and (self.template is None or not _selectable(batch, len(items))):
                # Without a template, a batch with an unfinished element is done as a whole.
                left = everything
        for i in set(everything).difference(left):
            items[i].status = SKIPPED
        return left


def _fail(items: Iterable[Outcome], error: BaseException) -> None:
    for item in items:
        item.status, item.exception = FAILED, error
