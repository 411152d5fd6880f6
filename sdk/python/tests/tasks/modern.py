from __future__ import annotations

import dataclasses

from record import called, put

from kagurazaka import KagurazakaTask


@dataclasses.dataclass
class Job:
    number: int
    name: str = "job"
    tags: list[str] = dataclasses.field(default_factory=list)


class Jobs(KagurazakaTask):
    def __init__(self, args):
        self.stream = args == ["stream"]

    def generate_tasks(self):
        jobs = [{"job": Job(i, tags=["t"] * i)} for i in range(5)]
        return iter(jobs) if self.stream else jobs

    def is_executed(self, job):
        return False

    def process(self, job):
        called()
        assert type(job) is Job
        put(str(job.number), repr(job))
