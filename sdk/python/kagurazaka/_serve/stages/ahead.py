"""Copies batches to the device before inference asks for them. The task's code does not change."""

from __future__ import annotations

import threading
from typing import Any

import torch

# Under this, subclasses are treated as plain tensors, and give plain results. The second name is the one before torch 2.
_Plainly: Any = getattr(torch._C, "DisableTorchFunctionSubclass", None) or torch._C.DisableTorchFunction


class Ahead(torch.Tensor):  # type: ignore[misc]
    """A CPU tensor whose copy to a device is under way. `to(device)` and `cuda()` return that copy. In every other way it
    behaves as a plain tensor, and gives plain results."""

    _copy: Any
    _event: Any

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.to or func is torch.Tensor.cuda:
            copy = _asked(func, args, kwargs)
            if copy is not None:
                return copy
        if func in _OF_ITS_TYPE:
            return func(plain(args[0]), *args[1:], **kwargs)
        with _Plainly():
            return func(*args, **kwargs)


# Methods that print, pickle or copy a tensor with its type.
_OF_ITS_TYPE = (torch.Tensor.__reduce_ex__, torch.Tensor.__deepcopy__, torch.Tensor.__repr__)


def plain(tensor: Any) -> Any:
    """Return the same tensor without its copy."""
    with _Plainly():
        return tensor.as_subclass(torch.Tensor)


def _asked(func: Any, args: Any, kwargs: Any) -> Any:
    """Return the copy if the call asks for exactly that, else None."""
    tensor = args[0]
    copy = getattr(tensor, "_copy", None)
    if copy is None or any(name not in ("device", "non_blocking") for name in kwargs):
        return None
    device = args[1] if len(args) > 1 else kwargs.get("device")
    if len(args) > 3 or (len(args) == 3 and type(args[2]) is not bool):
        return None
    if func is torch.Tensor.cuda and device is None:
        device = torch.cuda.current_device()
    if isinstance(device, int) and not isinstance(device, bool):
        device = torch.device("cuda", device)
    elif isinstance(device, str):
        device = torch.device(device)
    if not isinstance(device, torch.device) or device.type != "cuda":
        return None
    if device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    if device != copy.device:
        return None
    if tensor._version != tensor._copied_version:
        return None  # it was changed in place since then
    stream = torch.cuda.current_stream(device)
    stream.wait_event(tensor._event)
    copy.record_stream(stream)
    # A second call makes a new copy, as with a plain tensor.
    del tensor._copy
    return copy


class Copier:
    """Copies a batch's tensors on a separate stream."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.lock = threading.Lock()

    def copy(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the batch with copies of its tensors under way."""
        made = dict(batch)
        with torch.cuda.stream(self.stream):
            for name, value in batch.items():
                if type(value) is torch.Tensor and value.numel() and value.is_pinned():
                    # A shallow wrapper: the caller's batch keeps the plain tensor.
                    wrapped = value.as_subclass(Ahead)
                    wrapped._copy = value.to(self.device, non_blocking=True)
                    wrapped._event = torch.cuda.Event()
                    wrapped._event.record(self.stream)
                    with _Plainly():
                        wrapped._copied_version = wrapped._version
                    made[name] = wrapped
        return made
