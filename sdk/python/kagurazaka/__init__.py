"""Kagurazaka: write a data processing task as a class, run it over millions of items.

A task file imports its base classes, decorators and modes from here; the ``kagurazaka`` command runs it. Importing this package
takes milliseconds: it loads neither torch, numpy nor gRPC.
"""

from . import _safepath as _safepath  # the first: it changes where the others are found
from ._version import __version__
from .task import normal as _normal
from .task import torch_vanilla as _torch_vanilla
from .task.normal import KagurazakaTask
from .task.torch_vanilla import KagurazakaVanillaTorchTaskV1
from .template.io import FileTriplet as FileTriplet
from .template.io import FinishCheckByOutputFileExistence as FinishCheckByOutputFileExistence
from .template.io import FinishCheckMode as FinishCheckMode
from .template.io import HardShardMode as HardShardMode
from .template.io import HardShardModeV1 as HardShardModeV1
from .template.io import InputByExts as InputByExts
from .template.io import InputByFilenameSubfoldering as InputByFilenameSubfoldering
from .template.io import InputByGlob as InputByGlob
from .template.io import InputByGroup as InputByGroup
from .template.io import InputByMerge as InputByMerge
from .template.io import InputBySubDirectory as InputBySubDirectory
from .template.io import InputByTar as InputByTar
from .template.io import InputFromFileTripletJsonl as InputFromFileTripletJsonl
from .template.io import InputFromList as InputFromList
from .template.io import InputFromWhateverJsonl as InputFromWhateverJsonl
from .template.io import InputMode as InputMode
from .template.io import NoHardShard as NoHardShard
from .template.io import OutputByAppendingExt as OutputByAppendingExt
from .template.io import OutputByFilenameSubfoldering as OutputByFilenameSubfoldering
from .template.io import OutputByReplacingExt as OutputByReplacingExt
from .template.io import OutputByTar as OutputByTar
from .template.io import OutputMode as OutputMode
from .template.io import SoftShard as SoftShard
from .template.io import SoftShardByHash as SoftShardByHash
from .template.mixin import PLACEHOLDER as PLACEHOLDER
from .template.task.normal import task as task
from .template.task.normal import template_normal as moemoecue_normal
from .template.task.torch_vanilla import KagurazakaVanillaTorchMixinV1
from .template.task.torch_vanilla import template_torch_vanilla_v1 as moemoecue_torch_vanilla_v1
from .template.task.torch_vanilla import torch_task as torch_task

# `task` is the decorator, and also the package kagurazaka.task: `import kagurazaka.task.normal as n` finds the modules in it.
setattr(task, "normal", _normal)  # noqa: B010
setattr(task, "torch_vanilla", _torch_vanilla)  # noqa: B010

# What `import *` brings: the names of 0.1.1. A task file may have its own of the others.
__all__ = [
    "KagurazakaTask",
    "KagurazakaVanillaTorchMixinV1",
    "KagurazakaVanillaTorchTaskV1",
    "__version__",
    "moemoecue_normal",
    "moemoecue_torch_vanilla_v1",
]
