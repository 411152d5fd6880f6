"""Tasks that load items, infer batches of them on a device, and postprocess the results."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .._elements import element, length
from ._base import TaskBase

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset


def batch_length(batch: dict[str, Any]) -> int:
    """Return the number of elements in a collated batch: the length of its first field, or of the first leaf in that."""
    return length(batch[next(iter(batch))])


def element_of(batch: dict[str, Any], index: int) -> dict[str, Any]:
    """Return one element of a collated batch, field by field."""
    return {key: element(value, index) for key, value in batch.items()}


def results_of(results: Any, index: int) -> dict[str, Any]:
    """Return one element's results for `postprocess_each`: ``result``, or the fields of a dict of results."""
    if isinstance(results, dict):
        return {key: element(value, index) for key, value in results.items()}
    return {"result": results[index]}


def has_elements(results: Any) -> bool:
    """Return whether `postprocess` can split the results: a tensor, a list or a dict; without torch, an array."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return isinstance(results, (dict, list, torch.Tensor))
    return isinstance(results, (dict, list)) or type(results).__module__ == "numpy"


class KagurazakaVanillaTorchTaskV1(TaskBase):
    """Base of a task for one device: ``load_model``, then for each batch ``inference`` and ``postprocess_each``.

    There are three ways to process, from the simplest: define `inference` and `postprocess_each`; define `inference`
    and `postprocess`; define only `process`. To skip finished work, define `is_each_executed`, or `is_executed` for a
    whole batch.

    Under a template with `input_mode` and `dataloader`, `load_data` runs in loader processes. Where `postprocess_each` runs, a class
    says with ``kagurazaka_postprocess = "apart"``, for separate processes, or ``"device"``, for the device's process and the order of the
    batches. Without a word it runs apart if its source shows that it shares no state with the device's process. The memory of a
    batch's CPU tensors is reused. Tensors in attributes and globals are copied; clone a tensor that a library keeps.
    """

    # Only declared: a class that does not say has no such attribute.
    kagurazaka_postprocess: ClassVar[Literal["apart", "device"]]

    def __init__(self, args: list[str]) -> None:
        pass

    def load_model(self, device: str) -> None:
        """Load the model onto the device, such as "cuda:0" or "cpu". Called once in a process, before its first batch."""
        raise NotImplementedError(f"{type(self).__name__} must define load_model")

    def get_dataset(self) -> Dataset:
        """Return the dataset; its elements are dicts."""
        raise NotImplementedError(f"{type(self).__name__} must define get_dataset, or a template with an input_mode")

    def get_dataloader(self) -> DataLoader:
        """Return the loader that yields batches: dicts whose values have one entry for each element."""
        raise NotImplementedError(f"{type(self).__name__} must define get_dataloader, or a template with dataloader")

    def is_each_executed(self, *args: Any, **element: Any) -> bool:
        """Return whether one element is finished already."""
        raise NotImplementedError(f"{type(self).__name__} does not define is_each_executed")

    def is_executed(self, batch: dict[str, Any]) -> bool:
        """Return whether a whole batch is finished already: by default, if each of its elements is."""
        return all(self.is_each_executed(**element_of(batch, i)) for i in range(batch_length(batch)))

    def inference(self, device: str, batch_size: int, *args: Any, **batch: Any) -> Any:
        """Infer one batch. Return a tensor or list with one entry for each element, or a dict of those."""
        raise NotImplementedError(f"{type(self).__name__} must define inference, or process")

    def postprocess_each(self, batch_idx: int, batch_size: int, *args: Any, **element_and_result: Any) -> None:
        """Postprocess one element, with its ``result``, or with the fields of the dict that `inference` returned."""
        raise NotImplementedError(f"{type(self).__name__} must define postprocess_each, postprocess or process")

    def postprocess(self, batch_size: int, results: Any, *args: Any, **batch: Any) -> None:
        """Postprocess a batch. By default, call `postprocess_each` for each element."""
        if not has_elements(results):
            return
        for i in range(batch_size):
            self.postprocess_each(i, batch_size, **element_of(batch, i), **results_of(results, i))

    def process(self, device: str, batch: dict[str, Any]) -> None:
        """Process one batch: by default, `inference` and then `postprocess`."""
        batch_size = batch_length(batch)
        results = self.inference(device, batch_size, **batch)
        self.postprocess(batch_size, results, **batch)

    def __call__(self, device: str, batch: dict[str, Any]) -> None:
        self.process(device, batch)


# The methods as they are defined here. A task file may replace them in the class, and they are then its own.
IS_EXECUTED, IS_EACH_EXECUTED = KagurazakaVanillaTorchTaskV1.is_executed, KagurazakaVanillaTorchTaskV1.is_each_executed
ORIGINAL = dict(vars(KagurazakaVanillaTorchTaskV1))
