"""Mistakes in a task's class that are told once, before anything is listed, and classes that only look mistaken."""

from __future__ import annotations

import pathlib
import re

import pytest
from host import Host, pb

HEAD = """
import abc
import functools
from kagurazaka import *
from kagurazaka.template.io import *
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as OPEN

def normal(input_mode=InputByExts(".txt"), output_mode=OutputByApendingExt(".up"), **more):
    return moemoecue_normal(NoHardShard("in", "out"), input_mode=input_mode, output_mode=output_mode, **more)

def torch(input_mode=InputByExts(".txt"), output_mode=OutputByApendingExt(".up"), dataloader={"batch_size": 2}, **more):
    return moemoecue_torch_vanilla_v1(NoHardShard("in", "out"), input_mode=input_mode, output_mode=output_mode, dataloader=dataloader, **more)

def traced(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        return function(*args, **kwargs)
    return run

class Device(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):
    def load_model(self, device): ...
    def load_data(self, input): return {"size": 1}
    def inference(self, device, batch_size, **batch): return batch["size"]
    def postprocess_each(self, batch_idx, batch_size, input, output, result, **rest): ...
"""

# The task's code, what is said about it, and what to write.
WRONG = {
    "no_output": (
        "@normal()\nclass T(KagurazakaTask):\n  def process(self, input): ...",
        "T.process does not take output, which it is called with",
        "write def process(self, input, output, **kwargs)",
    ),
    "no_input": (
        "@normal()\nclass T(KagurazakaTask):\n  def process(self, path, output): ...",
        "T.process does not take input, which it is called with",
        "write def process(self, input, output, **kwargs)",
    ),
    "one_more": (
        "@normal()\nclass T(KagurazakaTask):\n  def process(self, input, output, size): ...",
        "T.process needs size, which it is not called with",
        "write def process(self, input, output, **kwargs)",
    ),
    "group": (
        '@normal(InputByGroup({"a": ".a", "b": ".b"}))\nclass T(KagurazakaTask):\n  def process(self, input, input_a, output): ...',
        "T.process does not take input_b, which it is called with",
        "write def process(self, input, input_a, input_b, output, **kwargs)",
    ),
    "no_self": ("@normal()\nclass T(KagurazakaTask):\n  def process(): ...", "T.process takes no self", "write def process(self, input, output, **kwargs)"),
    "static": (
        "@normal()\nclass T(KagurazakaTask):\n  @staticmethod\n  def process(input, output): ...",
        "T.process has input where the task itself is passed: it has no self",
        "leave out @staticmethod, and write def process(self, input, output, **kwargs)",
    ),
    "plain_static": (
        "class T(KagurazakaTask):\n  def generate_tasks(self): return []\n  @staticmethod\n  def process(self, /, **item): ...",
        "T.process needs self, which it is not called with",
        "leave out @staticmethod, and write def process(self, **kwargs)",
    ),
    "nothing": ("@normal()\nclass T(KagurazakaTask): ...", "T has no process", "write def process(self, input, output, **kwargs)"),
    "value": ("@normal()\nclass T(KagurazakaTask):\n  process = 5", "T.process is an int, and it must be a method", "write def process(self, …)"),
    "constructor": (
        "@normal()\nclass T(KagurazakaTask):\n  def __init__(self): ...\n  def process(self, **kw): ...",
        "T.__init__ takes 1 argument and is called with 2, self among them",
        "write def __init__(self, args)",
    ),
    "constructor_of_two": (
        "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args, size): ...\n  def process(self, **kw): ...",
        "T.__init__ needs size, which it is not called with",
        "write def __init__(self, args)",
    ),
    "undecorated": (
        "class T(KagurazakaTask):\n  def process(self, input): ...",
        "T is not decorated and has no generate_tasks",
        "write a template above the class, such as @moemoecue_normal(…), or def generate_tasks(self)",
    ),
    "no_list": (
        "@normal(None, None)\nclass T(KagurazakaTask):\n  def process(self, input): ...",
        "T has no input_mode in its template and has no generate_tasks",
        "write a template above the class, such as @moemoecue_normal(…), or def generate_tasks(self)",
    ),
    "list_with_argument": (
        "class T(KagurazakaTask):\n  def generate_tasks(self, folder): ...\n  def process(self, input): ...",
        "T.generate_tasks needs folder, which it is not called with",
        "write def generate_tasks(self)",
    ),
    "load_model": (
        "@torch()\nclass T(Device):\n  def load_model(self): ...",
        "T.load_model takes 1 argument and is called with 2, self among them",
        "write def load_model(self, device)",
    ),
    "inference": (
        "@torch()\nclass T(Device):\n  def inference(self, device, batch_size, size): return size",
        "T.inference does not take input, which it is called with",
        "write def inference(self, device, batch_size, input, **kwargs)",
    ),
    "each": (
        "@torch()\nclass T(Device):\n  def postprocess_each(self, batch_idx, batch_size, input, result): ...",
        "T.postprocess_each does not take output, which it is called with",
        "write def postprocess_each(self, batch_idx, batch_size, input, output, **kwargs)",
    ),
    "load_data": (
        "@torch()\nclass T(Device):\n  def load_data(self, path): ...",
        "T.load_data does not take input, which it is called with",
        "write def load_data(self, input, **kwargs)",
    ),
    "no_inference": (
        "@torch()\nclass T(KagurazakaVanillaTorchTaskV1, KagurazakaVanillaTorchMixinV1):\n"
        "  def load_model(self, device): ...\n  def load_data(self, input): ...\n  def postprocess_each(self, *a, **kw): ...",
        "T has no inference",
        "write def inference(self, device, batch_size, input, **kwargs)",
    ),
    "take_over": (
        "@torch()\nclass T(Device):\n  def process(self, batch): ...",
        "T.process takes 2 arguments and is called with 3, self among them",
        "write def process(self, device, batch)",
    ),
    "no_loader": (
        "class T(KagurazakaVanillaTorchTaskV1):\n  def load_model(self, device): ...\n  def process(self, device, batch): ...",
        "T has no get_dataloader",
        "write dataloader={…} in its template, or def get_dataloader(self)",
    ),
}
RIGHT = {
    "rest": "@normal()\nclass T(KagurazakaTask):\n  def process(self, input, **kw): ...",
    "anything": "@normal()\nclass T(KagurazakaTask):\n  def process(*args, **kw): ...",
    "decorated": "@normal()\nclass T(KagurazakaTask):\n  @traced\n  def process(self, input): ...",
    "builtin": "@normal()\nclass T(KagurazakaTask):\n  process = print",
    "partial": "@normal()\nclass T(KagurazakaTask):\n  process = functools.partialmethod(lambda self, input: 0)",
    "static_with_self": "@normal()\nclass T(KagurazakaTask):\n  @staticmethod\n  def process(self, input, output): ...",
    "lines": '@normal(InputFromWhateverJsonl("x"), None)\nclass T(KagurazakaTask):\n  def process(self, text): ...',
    "own_mode": "class Mine(InputByExts): ...\n@normal(Mine([]), None)\nclass T(KagurazakaTask):\n  def process(self, text): ...",
    "default": "@normal()\nclass T(KagurazakaTask):\n  def process(self, input, output, size=3): ...",
    "own_call": "@normal()\nclass T(KagurazakaTask):\n  def __call__(self, input): self.process(input)\n  def process(self, x): ...",
    "set_by_constructor": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): self.process = print\n  def process(self): ...",
    "set_by_name": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): setattr(self, 'pro' + 'cess', print)\n  def process(self): ...",
    "set_by_helper": "def fill(x): x.process = print\n@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): fill(self)",
    "any_attribute": "@normal()\nclass T:\n  def __init__(self, args): ...\n  def __getattr__(self, name): return print",
    "constructor_of_anything": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, *words): ...\n  def process(self, **kw): ...",
    "constructor_by_position": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, words): ...\n  def process(self, **kw): ...",
    "applied_at_once": "@normal(mixin_mode=False)\nclass T(KagurazakaTask):\n  def process(self, input): ...",
    "device": "@torch()\nclass T(Device): ...",
    "collate": '@torch(dataloader={"collate_fn": list})\nclass T(Device):\n  def inference(self, device, batch_size, x): return x',
    "no_results": (
        "@torch()\nclass T(Device):\n  def inference(self, device, batch_size, **batch): self.keep = batch\n  def postprocess_each(self): ..."
    ),
    "open": "@torch(dataloader=OPEN)\nclass T(Device):\n  def inference(self, device, batch_size, x): return x",
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes(name: str, tmp_path: pathlib.Path) -> None:
    code, message, suggestion = WRONG[name]
    file = tmp_path / "tasks.py"
    file.write_text(HEAD + code)
    with Host(str(file)) as host:
        answer = host.stub.describe(pb.DescribeRequest(task="T"))
    found = [task for task in answer.tasks if task.name == "T"][0].problems
    assert [(problem.message, problem.suggestion) for problem in found] == [(message, suggestion)]
    assert re.fullmatch(rf"{re.escape(str(file))}:\d+", found[0].where)


def test_what_is_not_certain(tmp_path: pathlib.Path) -> None:
    for name, code in RIGHT.items():
        file = tmp_path / f"{name}.py"
        file.write_text(HEAD + code)
        with Host(str(file)) as host:
            answer = host.stub.describe(pb.DescribeRequest(task="T"))
        assert not answer.HasField("error"), (name, answer.error)
        assert [problem.message for task in answer.tasks for problem in task.problems] == [], name
