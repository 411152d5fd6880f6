"""The CUDA context, made in a thread while the task's file is still being imported."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import threading
from typing import Optional

from ..failures import NoDevice

# The device of a process that is started for one: "cuda:0".
VARIABLE = "KAGURAZAKA_DEVICE"
# What a file that names these does to them has to come before the context.
_DECIDING = (b"CUDA_VISIBLE_DEVICES", b"CUDA_DEVICE_ORDER")

_thread: Optional[threading.Thread] = None


def begin(path: str) -> None:
    """Start to make the context of the device that this process was started for, if any."""
    global _thread
    device = os.environ.pop(VARIABLE, "")
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdigit() or _decides(path):
        return
    _thread = threading.Thread(target=_make, args=(int(number or 0),), name="kagurazaka-cuda", daemon=True)
    _thread.start()


def begun() -> bool:
    """Whether this process has a context, so that it must not be forked."""
    return _thread is not None


def touched() -> bool:
    """Whether anything in this process has used CUDA: a driver that was initialised does not survive a fork."""
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch, "cuda", None) is not None and torch.cuda.is_initialized():
        return True
    # Other libraries, and torch's own is_available(), initialise the driver without a word: it opens its devices then.
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return False
    for descriptor in descriptors:
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("/dev/nvidia"):
                return True
        except OSError:
            continue
    return False


def join() -> None:
    """Wait until the context is made, or could not be."""
    if _thread is not None:
        _thread.join()


def require(device: str) -> None:
    """Raise NoDevice unless there is the CUDA device that the task is to use, as far as PyTorch can tell. A task that fell back to
    the CPU would run, and nobody would know."""
    kind, _, number = device.partition(":")
    if kind != "cuda" or importlib.util.find_spec("torch") is None:
        return
    import torch

    hint = "--device cpu runs the task without a GPU"
    if not torch.cuda.is_available():
        built = torch.version.cuda or getattr(torch.version, "hip", None)
        why = "it finds no usable driver or device" if built else "it was built without CUDA"
        raise NoDevice(f"--device {device}: PyTorch {torch.__version__} cannot use CUDA here: {why}. {hint}")
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise NoDevice(f"--device {device}: PyTorch finds {count} CUDA devices, which count from cuda:0")


def _decides(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError:
        return False
    return any(name in source for name in _DECIDING)


def _make(number: int) -> None:
    # Nothing but time is lost where this fails: whoever uses CUDA makes the context then, and reports what is wrong.
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        if cuda.cuInit(0) == 0 and cuda.cuDeviceGet(ctypes.byref(device), number) == 0:
            cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    except (OSError, AttributeError):
        pass
