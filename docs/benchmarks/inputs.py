"""Makes the inputs of the benchmarks, once: they stay in the work folder for the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

# What begins so was put aside by renew.
ASIDE = "aside-"


def small_files(folder: Path, count: int) -> Path:
    """Makes count empty .txt files in sub-folders of 1,000 each."""
    target = folder / f"small-{count}"
    if (target / ".complete").exists():
        return target / "in"
    shutil.rmtree(target, ignore_errors=True)
    for first in range(0, count, 1000):
        sub = target / "in" / f"{first // 1000:04d}"
        sub.mkdir(parents=True)
        for i in range(first, min(first + 1000, count)):
            os.close(os.open(sub / f"{i:07d}.txt", os.O_CREAT | os.O_WRONLY, 0o644))
    (target / ".complete").touch()
    return target / "in"


def photographs(folder: Path, count: int, script: Path, python: Path, host: Path, picture: Path) -> tuple[Path, str]:
    """Makes count JPEG photographs with the benchmark's script, and says what they are.

    Where the script cannot (it takes its pictures from Debian's packages), the picture plugin draws them instead.
    """
    target = folder / f"photos-{count}"
    kind = target / ".complete"
    if kind.exists():
        return target / "in", kind.read_text()
    shutil.rmtree(target, ignore_errors=True)
    (target / "in").mkdir(parents=True)
    env = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    made = subprocess.run(["bash", script, str(count), target / "in"], env=env, capture_output=True, text=True, check=False)
    what = "photographs"
    if made.returncode != 0:
        print(f"photographs could not be made ({made.stderr.strip()[-200:]}): drawing pictures instead")
        shutil.rmtree(target / "in")
        subprocess.run(
            [host, picture, "Picture", "--count", str(count), "--size", "1600", "--out", target / "in"], check=True, capture_output=True
        )
        what = "drawn pictures (no photographs on this machine)"
    kind.write_text(what)
    return target / "in", what


def renew(folder: Path) -> None:
    """Makes the folder anew. What was there is put aside, not deleted: for some seconds ext4 avoids the inodes of deleted files,
    and whoever makes files then pays for it. `clean` deletes it."""
    if folder.exists():
        folder.rename(folder.with_name(f"{ASIDE}{folder.name}-{time.monotonic_ns()}"))
    folder.mkdir(parents=True)


def state(work: Path) -> Path:
    """Returns a state folder of the benchmark's own, where no earlier run is."""
    folder = work / "state"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def clean(work: Path) -> None:
    """Deletes what renew has put aside, and the runs' ledgers."""
    state(work)
    for old in work.rglob(f"{ASIDE}*"):
        shutil.rmtree(old, ignore_errors=True)
