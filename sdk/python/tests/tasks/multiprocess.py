"""What a constructor made with multiprocessing, used by workers as by the workers of its pool."""

import multiprocessing
import os
import time

from record import OUT, called, put

from kagurazaka import KagurazakaTask


class Each(KagurazakaTask):
    def generate_tasks(self):
        return [{"i": i} for i in range(20)]

    def is_executed(self, i):
        return False


def keep(queue, counted):
    os.makedirs(OUT, exist_ok=True)
    for number in iter(queue.get, None):
        put(str(number), "received")
        with counted.get_lock():
            counted.value += 1


class Queued(Each):
    """A queue that the constructor has put something into, so that a thread feeds it there; one process receives."""

    def __init__(self, args):
        self.queue, self.counted = multiprocessing.Queue(), multiprocessing.Value("i", 0)
        self.receiver = multiprocessing.Process(target=keep, args=(self.queue, self.counted), daemon=True)
        self.receiver.start()
        self.queue.put("first")

    def process(self, i):
        called()
        before = self.counted.value
        self.queue.put(i)
        while self.counted.value == before:
            time.sleep(0.001)


class Managed(Each):
    """A manager that the constructor has talked to: each worker has a connection of its own."""

    def __init__(self, args):
        self.manager = multiprocessing.Manager()
        self.known = self.manager.dict(start=0)
        assert self.known["start"] == 0

    def process(self, i):
        called()
        for k in range(50):
            self.known[i, k] = k
            assert self.known[i, k] == k
        put(str(i), str(sum(self.known[i, k] for k in range(50))))


class Named(Each):
    """Children are those of the process that has made them."""

    def __init__(self, args):
        self.child = multiprocessing.Process(target=time.sleep, args=(600,), daemon=True)
        self.child.start()

    def process(self, i):
        called()
        name = multiprocessing.current_process().name.rstrip("0123456789")
        put(
            str(i),
            f"{name} {multiprocessing.active_children()} {multiprocessing.parent_process().name} {multiprocessing.parent_process().is_alive()}",
        )
