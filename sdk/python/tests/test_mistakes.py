"""Mistakes in a task's class that are told once, before anything is listed, and classes that only look mistaken."""

from __future__ import annotations

import pathlib
import re
from typing import Any

from host import Host, pb

HEAD = """
import abc
import functools
from kagurazaka import *
from kagurazaka.template.io import *
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as OPEN

def normal(input_mode=InputByExts(".txt"), output_mode=OutputByApendingExt(".up"), **more):
    return moemoecue_normal(NoHardShard("in", "out"), input_mode=input_mode, output_mode=output_mode, **more)

def torch(dataloader={"batch_size": 2}):
    modes = {"input_mode": InputByExts(".txt"), "output_mode": OutputByApendingExt(".up")}
    return moemoecue_torch_vanilla_v1(NoHardShard("in", "out"), dataloader=dataloader, **modes)

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
    "no_self": (
        "@normal()\nclass T(KagurazakaTask):\n  def process(): ...",
        "T.process takes no self",
        "write def process(self, input, output, **kwargs)",
    ),
    "static": (
        "@normal()\nclass T(KagurazakaTask):\n  @staticmethod\n  def process(input, output): ...",
        "T.process has input where the task itself is passed: it has no self",
        "leave out @staticmethod, and write def process(self, input, output, **kwargs)",
    ),
    "nothing": ("@normal()\nclass T(KagurazakaTask): ...", "T has no process", "write def process(self, input, output, **kwargs)"),
    "constructor_keeps_self": (
        "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): super().__init__(args); self.x = args; self.y = self.x[:]",
        "T has no process",
        "write def process(self, input, output, **kwargs)",
    ),
    "value": (
        "@normal()\nclass T(KagurazakaTask):\n  process = 5",
        "T.process is an int, and it must be a method",
        "write def process(self, …)",
    ),
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
    "async_process": (
        "@normal()\nclass T(KagurazakaTask):\n  async def process(self, input, output): ...",
        "T.process is async, and nothing awaits it",
        "write def process(self, input, output, **kwargs), with asyncio.run(…) in it",
    ),
    "async_generator": (
        "@normal()\nclass T(KagurazakaTask):\n  async def process(self, input, output): yield 1",
        "T.process is async, and nothing awaits it",
        "write def process(self, input, output, **kwargs), with asyncio.run(…) in it",
    ),
    "async_check": (
        "@normal()\nclass T(KagurazakaTask):\n  def process(self, **kw): ...\n  async def is_executed(self, input, **kw): ...",
        "T.is_executed is async, and nothing awaits it",
        "write def is_executed(self, input, **kwargs), with asyncio.run(…) in it",
    ),
    "async_postprocess": (
        "@torch()\nclass T(Device):\n  async def postprocess(self, batch_size, results, **kw): ...",
        "T.postprocess is async, and nothing awaits it",
        "write def postprocess(self, batch_size, results, input, **kwargs), with asyncio.run(…) in it",
    ),
    "async_postprocess_each": (
        "@torch()\nclass T(Device):\n  async def postprocess_each(self, batch_idx, batch_size, **kw): ...",
        "T.postprocess_each is async, and nothing awaits it",
        "write def postprocess_each(self, batch_idx, batch_size, input, output, **kwargs), with asyncio.run(…) in it",
    ),
    "async_check_of_batches": (
        "@torch()\nclass T(Device):\n  async def is_each_executed(self, **kw): ...",
        "T.is_each_executed is async, and nothing awaits it",
        "write def is_each_executed(self, …)",
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
    "lists_nothing": "class T(KagurazakaTask):\n  def generate_tasks(self): return []",
    "works_while_listing": "class T(KagurazakaTask):\n  def generate_tasks(self): return [print(n) for n in range(9)][9:]",
    "lists_itself_and_takes_nothing": "class T(KagurazakaTask):\n  def generate_tasks(self): return [{}]\n  def process(): ...",
    "works_in_its_check": "@normal()\nclass T(KagurazakaTask):\n  def is_executed(self, **kw): return True",
    "module_gets_self": "import copy\n@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): copy.attach(self)",
    "type_of_self": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): copy.attach(type(self))",
    "base_hands_self_on": "class B:\n  def __init__(self, args): print(self)\n@normal()\nclass T(B, KagurazakaTask): ...",
    "inner_function_has_self": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): copy.attach(lambda: self)",
    "set_at_module_level": "@normal()\nclass T(KagurazakaTask): ...\nT.process = lambda self, **kw: 0",
    "own_call": "@normal()\nclass T(KagurazakaTask):\n  def __call__(self, input): self.process(input)\n  def process(self, x): ...",
    "async_behind_a_call": "@normal()\nclass T(KagurazakaTask):\n  def __call__(self, **kw): ...\n  async def process(self, **kw): ...",
    "async_decorated": "@normal()\nclass T(KagurazakaTask):\n  @traced\n  async def process(self, input): ...",
    "async_check_that_a_mode_replaces": "@normal(finish_check_mode=FinishCheckByOutputFileExistence())\nclass T(KagurazakaTask):\n"
    "  def process(self, **kw): ...\n  async def is_executed(self, **kw): ...",
    "set_async_by_constructor": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): self.process = print\n"
    "  async def process(self, **kw): ...",
    "set_by_constructor": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): self.process = print\n  def process(self): ...",
    "set_by_name": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): setattr(self, 'process', 0)\n  def process(self): ...",
    "set_by_helper": "def fill(x): x.process = print\n@normal()\nclass T(KagurazakaTask):\n  def __init__(self, args): fill(self)",
    "any_attribute": "@normal()\nclass T:\n  def __init__(self, args): ...\n  def __getattr__(self, name): return print",
    "constructor_of_anything": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, *words): ...\n  def process(self, **kw): ...",
    "constructor_by_position": "@normal()\nclass T(KagurazakaTask):\n  def __init__(self, words): ...\n  def process(self, **kw): ...",
    "applied_at_once": "@normal(mixin_mode=False)\nclass T(KagurazakaTask):\n  def process(self, input): ...",
    "device": "@torch()\nclass T(Device): ...",
    "collate": '@torch(dataloader={"collate_fn": list})\nclass T(Device):\n  def inference(self, device, batch_size, x): return x',
    "no_results": (
        "@torch()\nclass T(Device):\n  def inference(self, device, batch_size, **batch): print(batch)\n  def postprocess_each(self): ..."
    ),
    "open": "@torch(dataloader=OPEN)\nclass T(Device):\n  def inference(self, device, batch_size, x): return x",
}


def described(file: pathlib.Path, cases: dict[str, str]) -> dict[str, Any]:
    """Describe the tasks of some cases, each by its case's name instead of T."""
    file.write_text(HEAD + "\n\n".join(re.sub(r"\bT\b", name, code) for name, code in cases.items()) + "\n")
    found = {}
    with Host(str(file)) as host:
        for name in cases:
            answer = host.stub.describe(pb.DescribeRequest(task=name))
            assert not answer.HasField("error"), (name, answer.error)
            found[name] = next(task for task in answer.tasks if task.name == name)
    return found


def test_mistakes(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tasks.py"
    for name, task in described(file, {name: code for name, (code, _, _) in WRONG.items()}).items():
        _, message, suggestion = WRONG[name]
        told = [(problem.message, problem.suggestion) for problem in task.problems]
        assert told == [(re.sub(r"\bT\b", name, message), suggestion)]
        assert re.fullmatch(rf"{re.escape(str(file))}:\d+", task.problems[0].where)


def test_what_is_not_certain(tmp_path: pathlib.Path) -> None:
    # Those that set a method make all of their file uncertain.
    together = {name: code for name, code in RIGHT.items() if not name.startswith("set_")}
    alone = [{name: code} for name, code in RIGHT.items() if name not in together]
    for number, cases in enumerate([together, *alone]):
        for name, task in described(tmp_path / f"tasks{number}.py", cases).items():
            assert [problem.message for problem in task.problems] == [], name
