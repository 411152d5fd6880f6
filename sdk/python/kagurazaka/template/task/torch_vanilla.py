"""The template of tasks for one device."""

from __future__ import annotations

from typing import Any, Callable, Optional, TypeVar

from ...task.torch_vanilla import IS_EACH_EXECUTED
from .._template import DEFAULT_SOFT_SHARD, Template, accepted, decorator
from ..io import FinishCheckMode, HardShardMode, InputByMerge, InputByTar, InputMode, OutputMode, SoftShard


class KagurazakaVanillaTorchMixinV1:
    """The method that a device task with an input_mode adds: loading one item."""

    def load_data(self, *args: Any, **item: Any) -> dict[str, Any]:
        """Load one item. Return the fields that its element has in addition to the item's own."""
        raise NotImplementedError(f"{type(self).__name__} must define load_data")


class ItemDataset:
    """A map-style dataset over items: element i is item i with the fields that `load_data` adds."""

    def __init__(self, task: Any, items: Any, has_members: bool = False) -> None:
        self.task, self.tasks = task, items
        # Inputs may be members of archives: load calls load_data with them, and names leaves their names. None: they are files.
        self.load: Any = None
        if has_members:
            from ..._serve import members

            self.load, self.names = members.Reader(task.load_data), members.names

    def __len__(self) -> int:
        return len(self.tasks)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.tasks[index]
        if self.load is not None:
            return {**self.names(**item), **self.load(**item)}
        return {**item, **self.task.load_data(**item)}


def loader_options(options: dict[str, Any], dataset: Any) -> dict[str, Any]:
    """Return the keyword arguments of torch's DataLoader: `batch_by` becomes a batch sampler over the items of the template."""
    options = dict(options)
    key, window = options.pop("batch_by", None), options.pop("batch_window", None)
    if key is None:
        return options
    from ...utils.collate.bucket import WINDOW, batch_by, length_of

    if not isinstance(dataset, ItemDataset):
        raise ValueError(
            "batch_by of dataloader needs the items of an input_mode; for a dataset of your own define get_dataloader, "
            "with batch_sampler=batch_by(lengths, batch_size) (kagurazaka.utils.collate)"
        )
    size, drop_last = options.pop("batch_size", 1), options.pop("drop_last", False)
    lengths = [length_of(item, key) for item in dataset.tasks]
    options["batch_sampler"] = batch_by(lengths, size, window=WINDOW if window is None else window, drop_last=drop_last)
    return options


Task = TypeVar("Task", bound=type)


def template_torch_vanilla_v1(
    hard_shard_mode: HardShardMode,
    soft_shard: Optional[SoftShard] = DEFAULT_SOFT_SHARD,
    input_mode: Optional[InputMode] = None,
    output_mode: Optional[OutputMode] = None,
    finish_check_mode: Optional[FinishCheckMode] = None,
    dataloader: Optional[dict[str, Any]] = None,
    apply: bool = True,
    mixin_mode: bool = True,
    outputs: Optional[str] = None,
) -> Callable[[Task], Task]:
    """Give a device task a template.

    The parameters are those of `kagurazaka.task`. With an input_mode the task defines ``load_data(**item)``
    (KagurazakaVanillaTorchMixinV1) instead of a dataset, and ``dataloader`` holds the keyword arguments of torch's DataLoader. Its
    ``batch_by`` makes batches of items of similar length: "size" is the size of the input's file, any other text a field of the item.
    ``batch_window`` is how many items are sorted at a time (4096).
    `postprocess_each` gets ``output`` (and ``output_<id>``), direct or staged according to ``outputs``.
    """
    fields = {
        "hard_shard_mode": hard_shard_mode,
        "soft_shard": soft_shard,
        "input_mode": input_mode,
        "output_mode": output_mode,
        "finish_check_mode": finish_check_mode,
        "dataloader": dataloader,
    }
    return decorator(fields, _install, apply, mixin_mode, outputs)


torch_task = template_torch_vanilla_v1


def _install(template: Template) -> None:
    cls: Any = template.cls
    own_each = cls.postprocess_each
    own_check = cls.is_each_executed

    def get_dataset(self: Any) -> Any:
        items = template.listed(list)
        has_members = isinstance(template.input_mode, (InputByTar, InputByMerge))
        return ItemDataset(self, items if isinstance(items, list) else list(items), has_members)

    def postprocess_each(self: Any, batch_idx: int, batch_size: int, **element: Any) -> None:
        if template.takes_outputs and "output" in element:
            return own_each(self, batch_idx, batch_size, **element)
        return template.call_with_outputs(own_each, self, (batch_idx, batch_size), element)

    def is_each_executed(self: Any, **element: Any) -> bool:
        if template.finish_check_mode is not None:
            return template.is_finished(element)
        outputs = accepted(own_check)(template.final_outputs(element))
        return own_check(self, **element, **outputs)

    def get_dataloader(self: Any) -> Any:
        from torch.utils.data import DataLoader

        dataset = self.get_dataset()
        return DataLoader(dataset, **loader_options(template.dataloader, dataset))

    postprocess_each._kagurazaka_own = own_each  # type: ignore[attr-defined]
    is_each_executed._kagurazaka_own = own_check  # type: ignore[attr-defined]
    get_dataset._kagurazaka_template_made = True  # type: ignore[attr-defined]
    get_dataloader._kagurazaka_template_made = True  # type: ignore[attr-defined]
    if template.input_mode is not None:
        cls.get_dataset = get_dataset
    if template.output_mode is not None:
        cls.postprocess_each = postprocess_each
        if template.finish_check_mode is not None or own_check is not IS_EACH_EXECUTED:
            cls.is_each_executed = is_each_executed
    if template.dataloader is not None:
        cls.get_dataloader = get_dataloader
    cls._kagurazaka_template = template
