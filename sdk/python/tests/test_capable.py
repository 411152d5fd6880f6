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
    assert "HasAWord.kagurazaka_postprocess is 'beside': it may be 'apart' or 'device'" in response.error.message
