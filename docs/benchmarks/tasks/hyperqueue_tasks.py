"""Tasks of HyperQueue on a server and two workers of one core each, of this machine: python3 hyperqueue_tasks.py program|function COUNT."""

import sys
import tempfile
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.task.function import PythonEnv


def nothing() -> None:
    pass


def main() -> None:
    kind, count = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, LocalCluster(folder) as cluster:
        for _ in range(2):
            cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client(python_env=PythonEnv(sys.executable))
        job = Job(Path(folder))
        for _ in range(count):
            if kind == "program":
                job.program(["/bin/true"], stdout=None, stderr=None)
            else:
                job.function(nothing, stdout=None, stderr=None)
        client.wait_for_jobs([client.submit(job)])


main()
