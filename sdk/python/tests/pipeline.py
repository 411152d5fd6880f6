"""The stages of a device task, driven by hand: what the cuda backbone does, one batch after the other, for tests."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from typing import Any

from host import Host, Worker, pb

STRIDE = 16 << 20


class StageWorker(Worker):
    """A Run stream of batches."""

    def ask(self, batch: Any) -> Any:
        self.requests.put(pb.RunRequest(batch=batch))
        return next(self.answers).batch

    def put(self, batch: Any) -> None:
        self.requests.put(pb.RunRequest(batch=batch))

    def answer(self) -> Any:
        return next(self.answers).batch

    def finish(self) -> list[Any]:
        self.requests.close()
        return [answer.batch for answer in self.answers]


class Pipeline:
    """A nursery with a loader and a postprocessor, and a device process. Use it in a with statement."""

    def __init__(self, file: str, task: str, template: Any, *, python: str, args: Any = (), native: bool = True,
                 apart: bool = True, forked: bool = True, regions: int = 8, **device_environment: str) -> None:  # fmt: skip
        fd, self.path = tempfile.mkstemp(prefix="kg-memory-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        os.truncate(fd, STRIDE * regions)
        os.close(fd)
        self.regions = regions
        self.apart = apart
        self.task, self.number = task, 0
        self.memory = pb.SharedMemory(path=self.path, size=STRIDE * regions)
        self.hosts: list[Host] = []
        self.common = {"template": template, "native_template": native, "memory": self.memory}
        self.args = args
        self.python, self.file, self.forked = python, file, forked
        if forked:
            self.nursery = self.host()
            self.nursery.open(task, args, stage=pb.STAGE_SPAWN, template=template, native_template=native)
        self.loader = self.worker(pb.STAGE_LOAD, 0)
        self.finisher = self.worker(pb.STAGE_FINISH, 1) if apart else None
        self.device = self.device_worker(**device_environment)

    def host(self, **environment: str) -> Host:
        self.hosts.append(Host(self.file, python=self.python, **environment))
        return self.hosts[-1]

    def worker(self, stage: int, index: int) -> StageWorker:
        more = dict(self.common)
        if stage == pb.STAGE_FINISH:
            more["staging"] = pb.Staging(dir=self.hosts[0].staging() if self.hosts else tempfile.mkdtemp(), last=["output"])
        if self.forked:
            request = pb.OpenRequest(task=self.task, args=self.args, stage=stage, workers=2, **more)
            started = self.nursery.spawn(request, index)
            started.__class__ = StageWorker
            return started  # type: ignore[return-value]
        host = self.host()
        host.open(self.task, self.args, stage=stage, **more)
        return StageWorker(host.stub, pid=host.process.pid)

    def device_worker(self, **environment: str) -> StageWorker:
        host = self.host(KAGURAZAKA_DEVICE="cpu", **environment)
        more = dict(self.common)
        if not self.apart:
            more["staging"] = pb.Staging(dir=host.staging(), last=["output"])
        host.open(self.task, self.args, stage=pb.STAGE_DEVICE, device="cpu", **more)
        return StageWorker(host.stub, pid=host.process.pid)

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(self, *exc: Any) -> None:
        # A process leaves once its Run stream has ended.
        for stage in (self.loader, self.finisher, self.device):
            if stage is not None:
                stage.requests.close()
        for host in self.hosts:
            host.close()
        os.unlink(self.path)

    def region(self, index: int, size: int = STRIDE) -> Any:
        return pb.Region(offset=index * STRIDE, size=size)

    # ------------------------------------------------------------------------------------------------ batches

    def load(self, items: list[Any], size: int = STRIDE, number: int = 0) -> Any:
        """(the answer, the batch of the items that are left)"""
        if not number:
            self.number += 1
        batch = pb.Batch(id=number or self.number, parts=[pb.Part(block=lines(items))], region=self.region(0, size))
        answer = self.loader.ask(batch)
        assert answer.id == batch.id and answer.count == len(items)
        gone = {f.index for f in answer.failures} | {i for s in answer.skipped for i in range(s.first, s.first + s.count)}
        left = [item for i, item in enumerate(items) if i not in gone]
        assert answer.HasField("payload") == (bool(left) and not answer.HasField("error"))
        following = pb.Batch(id=batch.id, parts=[pb.Part(block=lines(left))])
        if answer.HasField("payload"):
            following.loaded.CopyFrom(answer.payload)
        return answer, following

    def infer(self, batch: Any, size: int = STRIDE) -> Any:
        if self.apart:
            batch.region.CopyFrom(self.region(1, size))
        answer = self.device.ask(batch)
        assert answer.id == batch.id
        if answer.HasField("payload"):
            batch.result.CopyFrom(answer.payload)
        return answer

    def run(self, items: list[Any], size: int = 4) -> dict[int, str]:
        """Work on all items; what became of those that were not done, by their position."""
        told: dict[int, str] = {}
        for first in range(0, len(items), size):
            self._batch(items, list(range(first, min(first + size, len(items)))), told)
        return told

    def _batch(self, items: list[Any], numbers: list[int], told: dict[int, str]) -> None:
        answer, batch = self.load([items[n] for n in numbers])
        left = self._outcomes(answer, numbers, told)
        if answer.HasField("error"):
            return self._halves(items, numbers, answer.error, told)
        if not left:
            return None
        answer = self.infer(batch)
        if answer.HasField("error"):
            return self._halves(items, left, answer.error, told)
        left = self._outcomes(answer, left, told)
        if self.apart:
            assert self.finisher is not None
            batch.ClearField("region")
            answer = self.finisher.ask(batch)
            assert not answer.HasField("payload") and answer.count == len(left)
            self._outcomes(answer, left, told)
        else:
            assert not answer.HasField("payload")
        return None

    def _halves(self, items: list[Any], numbers: list[int], error: Any, told: dict[int, str]) -> None:
        if len(numbers) == 1 or error.WhichOneof("detail") == "config":
            told.update(dict.fromkeys(numbers, error.message))
            return
        middle = len(numbers) // 2
        self._batch(items, numbers[:middle], told)
        self._batch(items, numbers[middle:], told)

    def _outcomes(self, answer: Any, numbers: list[int], told: dict[int, str]) -> list[int]:
        gone = set()
        for failure in answer.failures:
            gone.add(failure.index)
            told[numbers[failure.index]] = failure.error.message
        for skipped in answer.skipped:
            for i in range(skipped.first, skipped.first + skipped.count):
                gone.add(i)
                told[numbers[i]] = "skipped"
        return [n for i, n in enumerate(numbers) if i not in gone]


def lines(items: list[Any]) -> Any:
    payload = "\n".join(json.dumps(item) for item in items).encode()
    return pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(items), payload=payload)


def triplet(path: Any, rel_dir: str = ".") -> dict[str, str]:
    return {"path": str(path), "rel_dir": rel_dir, "file_name": os.path.basename(path)}


@functools.lru_cache(maxsize=None)
def _tasks(file: str, python: str) -> dict[str, Any]:
    with Host(file, python=python) as host:
        response = host.stub.describe(pb.DescribeRequest())
    assert not response.HasField("error"), response.error
    return {task.name: task for task in response.tasks}


def described(file: str, task: str, python: str, **values: Any) -> tuple[Any, list[str]]:
    """A task's template with its placeholders replaced, and its capabilities."""
    told = _tasks(file, python)[task]
    made = pb.Template()
    made.CopyFrom(told.template)
    for field in made.fields:
        fields = [field, *field.value.mode.fields, *field.value.map.fields]
        for inner in fields:
            if inner.value.WhichOneof("kind") == "placeholder":
                inner.value.json = json.dumps(values[inner.name])
    return made, list(told.capabilities)
