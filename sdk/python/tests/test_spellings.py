"""The newer spellings are the old names' objects, and take none of the names of 0.1.1 away."""

import importlib
import subprocess
import sys

import pytest

import kagurazaka
from kagurazaka.template import io, mixin
from kagurazaka.template.task import normal, torch_vanilla


def test_spellings():
    assert kagurazaka.task is kagurazaka.moemoecue_normal is normal.task is normal.template_normal
    assert kagurazaka.torch_task is kagurazaka.moemoecue_torch_vanilla_v1 is torch_vanilla.torch_task
    assert kagurazaka.PLACEHOLDER is mixin.PLACEHOLDER is mixin.KAGURAZAKA_MIXIN_PLACEHOLDER
    assert kagurazaka.OutputByAppendingExt is io.OutputByAppendingExt is io.OutputByApendingExt


def test_modes_are_in_the_package():
    for name in io.__all__:
        if getattr(getattr(io, name), "__module__", "") == io.__name__ and name != "OutputByApendingExt":
            assert getattr(kagurazaka, name) is getattr(io, name), name


def test_star_imports_bring_the_names_of_the_original():
    assert not {"task", "torch_task", "PLACEHOLDER", "FileTriplet"} & set(kagurazaka.__all__)
    assert "OutputByAppendingExt" not in io.__all__


@pytest.mark.parametrize("text", [
    "import kagurazaka.task.normal as n; n.KagurazakaTask",
    "import kagurazaka.task.torch_vanilla; kagurazaka.task.torch_vanilla.KagurazakaVanillaTorchTaskV1",
    "from kagurazaka.task import normal; normal.KagurazakaTask",
    "from kagurazaka.task.normal import KagurazakaTask",
    "from kagurazaka import task; task.normal.KagurazakaTask",
    "import kagurazaka.template.task.normal as n; n.template_normal",
])  # fmt: skip
def test_the_decorator_is_also_the_package(text):
    subprocess.run([sys.executable, "-c", text], check=True, timeout=30)


def test_the_package_is_importable_by_name():
    assert importlib.import_module("kagurazaka.task.normal").KagurazakaTask is kagurazaka.KagurazakaTask
