import multiprocessing
import os

from record import OUT, called, put

from kagurazaka import KagurazakaTask

LOADED_IN = os.getpid()


class State(KagurazakaTask):
    def __init__(self, args):
        self.lock = multiprocessing.Lock()
        self.total = multiprocessing.Value("i", 0)
        self.double = lambda x: 2 * x
        self.handle = open(__file__)
        os.environ["FROM_INIT"] = "set"
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")

    def generate_tasks(self):
        self.table = {i: i * i for i in range(10)}
        return [{"i": i} for i in range(10)]

    def is_executed(self, i):
        self.asked = i
        return False

    def process(self, i):
        called()
        assert self.asked == i
        with self.lock:
            self.total.value += self.double(i)
        put(str(i), f"{self.table[i]} {os.environ['FROM_INIT']} {os.path.basename(os.getcwd())} {self.handle.readable()}")
        if self.total.value == 90:
            put("total", "90")
        assert os.path.isabs(OUT)
        assert os.getpid() != LOADED_IN
