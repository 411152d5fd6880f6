"""Which stages of a task Describe says may run in processes of their own."""

import pathlib

from host import Host, pb

TASKS = str(pathlib.Path(__file__).parent / "tasks" / "capable.py")


def test_what_may_move():
    with Host(TASKS) as host:
        tasks = host.stub.describe(pb.DescribeRequest()).tasks
    found = {task.name: [c for c in task.capabilities if c in ("stages", "finish")] for task in tasks}
    expected = {task.name: task.summary.replace("none", "").split() for task in tasks}
    assert len(found) == 32
    assert found == expected


def test_a_word_that_nobody_knows(tmp_path):
    source = pathlib.Path(TASKS).read_text().replace('kagurazaka_postprocess = "apart"', 'kagurazaka_postprocess = "beside"')
    file = tmp_path / "tasks.py"
    file.write_text(source)
    with Host(str(file)) as host:
        response = host.stub.describe(pb.DescribeRequest())
    found = next(task for task in response.tasks if task.name == "HasAWord")
    assert [problem.message for problem in found.problems] == ["HasAWord.kagurazaka_postprocess is 'beside'"]
    assert found.problems[0].suggestion == "write kagurazaka_postprocess = 'apart' or 'device'"


def test_what_keeps_something_of_a_batch(tmp_path):
    file = tmp_path / "keeping.py"
    file.write_text(KEEPING)
    from kagurazaka._serve.stages import capable
    from kagurazaka._serve.taskfile import TaskFile

    module = TaskFile(str(file)).module
    found = {name: capable.keeps(cls) for name, cls in vars(module).items() if isinstance(cls, type) and name[:1] in "KN" and "_" in name}
    assert found == {name: name.startswith("Keeps") for name in found} and len(found) == 7


KEEPING = """
import numpy
from kagurazaka import KagurazakaVanillaTorchTaskV1 as Base
LAST = {}
def remember(x):
    LAST["x"] = x
class Task(Base):
    def load_model(self, device):
        self._build(device)
    def _build(self, device):
        self.model = len
    def load_data(self, input):
        self.loaded = 1
        return {}
class Not_at_all(Task):
    def inference(self, device, batch_size, x):
        rows = []
        rows.append(x)
        x[0] = 1
        return self.model(rows)
    def postprocess_each(self, i, n, x, output, result):
        numpy.save(output.path, result)
class Keeps_attribute(Task):
    def inference(self, device, batch_size, x):
        self.x = x
class Keeps_in_list(Task):
    def postprocess_each(self, i, n, x, result):
        self.xs.append(x)
class Keeps_by_another_name(Task):
    def postprocess_each(self, i, n, x, result):
        xs = self.xs
        xs.append(x)
class Keeps_in_a_global(Task):
    def inference(self, device, batch_size, x):
        LAST[0] = x
class Keeps_through_a_function(Task):
    def inference(self, device, batch_size, x):
        remember(x)
class Keeps_with_a_lambda(Task):
    inference = lambda self, device, batch_size, x: self.xs.append(x)
"""
