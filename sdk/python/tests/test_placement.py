"""Where forked workers run: their CPUs, their memory, and the threads of numeric libraries."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import kagurazaka

LIMITS = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
CPUS = sorted(os.sched_getaffinity(0))

# As in a nursery, numpy is loaded with one thread before the worker is forked.
HEAD = """
import ctypes, os, sys
import numpy
from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve import placement

def blas():
    for path in placement._numeric_libraries():
        library = ctypes.CDLL(path)
        for prefix in ("", "scipy_"):
            for suffix in ("", "64_"):
                name = prefix + "openblas_get_num_threads" + suffix
                if hasattr(library, name):
                    return getattr(library, name)()

def forked(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
"""


def run(code: str, **env: str) -> tuple[list[str], str]:
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    clean["PYTHONPATH"] = str(Path(kagurazaka.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(code)], env={**clean, **env}, capture_output=True, text=True, timeout=60
    )
    return done.stdout.split("\n"), done.stderr


def test_numeric_libraries_follow():
    limits = dict.fromkeys(LIMITS, "1")
    out, err = run(
        f"""
        print(blas(), flush=True)
        def work():
            placement.take(pb.Placement(cpus=[{CPUS[-1]}], threads=3))
            print(os.sched_getaffinity(0), blas(), os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])
            # They still compute.
            print(int((numpy.ones((300, 300)) @ numpy.ones((300, 300))).sum()))
        forked(work)
        print(len(os.sched_getaffinity(0)), blas(), os.environ["OMP_NUM_THREADS"])
        """,
        KAGURAZAKA_ONE_THREAD=",".join(LIMITS),
        **limits,
    )
    assert out[:4] == ["1", f"{{{CPUS[-1]}}} 3 3 3", "27000000", f"{len(CPUS)} 1 1"], err


def test_the_users_limits_stay():
    out, err = run(
        f"""
        def work():
            placement.take(pb.Placement(cpus=[{CPUS[0]}], threads=3))
            print(blas(), os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])
        forked(work)
        """,
        KAGURAZAKA_ONE_THREAD="MKL_NUM_THREADS",
        OMP_NUM_THREADS="2",
        OPENBLAS_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
    )
    assert out[0] == "1 2 3", err


def test_refused_cpus_are_reported():
    out, err = run(
        """
        placement.take(pb.Placement(cpus=[1023], threads=3))
        print(len(os.sched_getaffinity(0)), blas())
        """,
        OPENBLAS_NUM_THREADS="1",
    )
    assert out[0] == f"{len(CPUS)} 1"
    assert "this worker does not run on its CPUs (1023), but wherever its parent may" in err


def test_memory_of_a_node():
    """Where the kernel allows it. A node that is not there changes nothing."""
    out, err = run(
        f"""
        def policy():
            with open("/proc/self/numa_maps") as file:
                return file.readline().split()[1]
        try:
            before = policy()
        except OSError:
            print("no nodes here")
            sys.exit()
        libc = ctypes.CDLL(None)
        number = placement._SET_MEMPOLICY.get(os.uname().machine)
        allowed = number is not None and libc.syscall(number, 0, None, 0) == 0
        def work(nodes):
            placement.take(pb.Placement(cpus=[{CPUS[0]}], memory_nodes=nodes, threads=1))
            print(policy().startswith("prefer") if allowed else policy() == before)
        forked(lambda: work([0]))
        forked(lambda: (placement.take(pb.Placement(cpus=[{CPUS[0]}], memory_nodes=[1000])), print(policy() == before)))
        """
    )
    assert out[:2] == ["True", "True"] or out[0] == "no nodes here", (out, err)
