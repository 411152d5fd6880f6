"""The CUDA context, which a thread makes while the task's file is imported."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import threading
from typing import Optional

from ..failures import NoDevice

# The variable with the device of a process that is started for one: "cuda:0".
VARIABLE = "KAGURAZAKA_DEVICE"
# A file that names one of these may set it, which must happen before the context is made.
_DECIDING = (b"CUDA_VISIBLE_DEVICES", b"CUDA_DEVICE_ORDER")

_thread: Optional[threading.Thread] = None


def begin(path: str) -> None:
    """Start making the context of the device for which this process was started, if any."""
    global _thread
    device = os.environ.pop(VARIABLE, "")
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdigit() or _decides(path):
        return
    _thread = threading.Thread(target=_make, args=(int(number or 0),), name="kagurazaka-cuda", daemon=True)
    _thread.start()


def begun() -> bool:
    """Return whether this process makes a context, and therefore must not be forked."""
    return _thread is not None


def touched() -> bool:
    """Return whether anything in this process has used CUDA: an initialised driver does not survive a fork."""
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch, "cuda", None) is not None and torch.cuda.is_initialized():
        return True
    # Other libraries, and torch's is_available(), may initialise the driver, which then opens its devices.
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
    """Wait until the context is made, or making it has failed."""
    if _thread is not None:
        _thread.join()


def require(device: str) -> None:
    """Raise NoDevice if PyTorch cannot use the CUDA device that the user chose. Otherwise a task that falls back to the CPU would
    run unnoticed."""
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
        raise NoDevice(f"--device {device}: PyTorch finds {count} CUDA devices; their numbers begin with cuda:0")


def _decides(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError:
        return False
    return any(name in source for name in _DECIDING)


def _make(number: int) -> None:
    # A failure here costs only time: the first code that uses CUDA makes the context then, and reports the problem.
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        device, context = ctypes.c_int(), ctypes.c_void_p()
        if cuda.cuInit(0) == 0 and cuda.cuDeviceGet(ctypes.byref(device), number) == 0:
            cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    except (OSError, AttributeError):
        pass
