"""Where a forked worker runs: the CPUs, the memory and the number of threads that the host gives it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any, Iterator

# The variables that the host, not the user, has set to limit the threads of numeric libraries, separated by commas.
HOST_LIMITS = "KAGURAZAKA_ONE_THREAD"

_SET_MEMPOLICY = {"x86_64": 238, "aarch64": 237}
_PREFERRED, _PREFERRED_MANY = 1, 5
_WORD, _WORDS = 8 * ctypes.sizeof(ctypes.c_ulong), 16

_OPENBLAS = tuple(prefix + "openblas_set_num_threads" + suffix for prefix in ("", "scipy_") for suffix in ("", "64_"))
# The functions that set the number of threads, by the beginning of a library's file name.
_SETTERS = {
    "libopenblas": _OPENBLAS,
    "libscipy_openblas": _OPENBLAS,
    "libmkl_rt": ("MKL_Set_Num_Threads",),
    "libblis": ("bli_thread_set_num_threads",),
    "libgomp": ("omp_set_num_threads",),
    "libomp": ("omp_set_num_threads",),
    "libiomp5": ("omp_set_num_threads",),
}


def take(placement: Any) -> None:
    """Move this process, which has one thread, to the CPUs. Its threads and the processes that it starts are there, too."""
    try:
        os.sched_setaffinity(0, placement.cpus)
    except (OSError, AttributeError) as error:
        cpus = ",".join(map(str, placement.cpus))
        print(f"kagurazaka: this worker does not run on its CPUs ({cpus}), but wherever its parent may: {error}", file=sys.stderr)
        return
    if placement.memory_nodes:
        _prefer(list(placement.memory_nodes))
    if placement.threads > 1:
        _use_threads(placement.threads)


def _prefer(nodes: list[int]) -> None:
    """Prefer the memory of these nodes, which the host asks for only where that is allowed."""
    number = _SET_MEMPOLICY.get(platform.machine())
    if number is None or max(nodes) >= _WORD * _WORDS:
        return
    mask = (ctypes.c_ulong * _WORDS)()
    for node in nodes:
        mask[node // _WORD] |= 1 << node % _WORD
    mode = _PREFERRED if len(nodes) == 1 else _PREFERRED_MANY
    ctypes.CDLL(None).syscall(number, mode, ctypes.byref(mask), ctypes.c_ulong(_WORD * _WORDS))


def limited(name: str) -> bool:
    """Return whether the host has limited threads by this variable."""
    return name in os.environ.get(HOST_LIMITS, "").split(",")


def _use_threads(count: int) -> None:
    """Let numeric libraries use this number of threads, unless the user has limited them. The process that was forked had one."""
    for name in filter(None, os.environ.get(HOST_LIMITS, "").split(",")):
        os.environ[name] = str(count)
    if not limited("OMP_NUM_THREADS"):
        return
    for path in _numeric_libraries():
        try:
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        except OSError:
            continue
        for prefix, setters in _SETTERS.items():
            if os.path.basename(path).startswith(prefix):
                for setter in setters:
                    if hasattr(library, setter):
                        getattr(library, setter)(ctypes.c_int(count))
    for module, function in (("torch", "set_num_threads"), ("cv2", "setNumThreads"), ("numexpr", "set_num_threads")):
        if module in sys.modules:
            getattr(sys.modules[module], function)(count)


def _numeric_libraries() -> Iterator[str]:
    """Yield the paths of the loaded libraries that have threads of their own."""
    paths = set()
    with open("/proc/self/maps", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6:
                paths.add(fields[5])
    yield from (path for path in sorted(paths) if os.path.basename(path).startswith(tuple(_SETTERS)))
