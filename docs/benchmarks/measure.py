"""Runs a command and says how long it took and how much memory it and all its descendants held at their peak."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PAGE = os.sysconf("SC_PAGE_SIZE")


class CommandFailed(Exception):
    """The command ended with another exit code than 0; the text holds the end of what it printed."""


@dataclass
class Measured:
    """What one run of a command took."""

    seconds: float
    last_line: str
    # Processor time, user and system, of the command and the descendants that were waited for.
    cpu: float
    # Peaks, in bytes, of the sum over the command and its descendants; 0 where memory was not sampled. RSS counts a page
    # once for every process that maps it, PSS shares it out between them.
    rss: int = 0
    pss: int = 0


def run(command: list[str], env: dict[str, str] | None = None, memory: bool = False, limit: float = 900) -> Measured:
    """Runs command to its end, with nothing on its stdin, and raises CommandFailed if it fails or takes over limit seconds.

    Memory is sampled only when asked for: reading it costs the command time.
    """
    adopt_orphans()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    sampler = Sampler() if memory else None
    if sampler:
        sampler.start()
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\n(stopped after {limit:.0f} s)".encode()
    seconds = time.perf_counter() - began
    if sampler:
        sampler.finish()
    lines = output.decode(errors="replace").strip().splitlines()
    if process.returncode != 0:
        raise CommandFailed(f"exit code {process.returncode}: " + " / ".join(lines[-3:])[-400:])
    peak_rss, peak_pss = (sampler.rss, sampler.pss) if sampler else (0, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Measured(seconds, lines[-1] if lines else "", cpu, peak_rss, peak_pss)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ends, so that the sampler goes on counting them."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Sampler(threading.Thread):
    """Samples the memory of all descendants of this process: RSS every 20 ms, PSS (dearer to read) every 200 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.rss = 0
        self.pss = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Samples until finish is called."""
        turn = 0
        while not self._over.wait(0.02):
            pids = descendants(os.getpid())
            self.rss = max(self.rss, sum(map(rss_of, pids)))
            if turn % 10 == 0:
                self.pss = max(self.pss, sum(map(pss_of, pids)))
            turn += 1

    def finish(self) -> None:
        """Stops sampling and waits for the last sample."""
        self._over.set()
        self.join()


def descendants(root: int) -> list[int]:
    """Returns the pids of all processes below root."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                # The program's name stands in parentheses and may hold anything; the parent is the second field after it.
                parent = int(Path("/proc", entry, "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def rss_of(pid: int) -> int:
    """Returns the resident bytes of a process, 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def pss_of(pid: int) -> int:
    """Returns the proportional share of a process in bytes, 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
