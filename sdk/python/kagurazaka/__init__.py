"""Kagurazaka: write a data processing task as a class, run it over millions of items.

A task file imports its base classes and decorators from here; the ``kagurazaka`` command runs it. Importing this package
takes milliseconds: it loads neither torch, numpy nor gRPC.
"""

from ._version import __version__
from .task.normal import KagurazakaTask
from .task.torch_vanilla import KagurazakaVanillaTorchTaskV1
from .template.task.normal import template_normal as moemoecue_normal
from .template.task.torch_vanilla import (
    KagurazakaVanillaTorchMixinV1,
)
from .template.task.torch_vanilla import (
    template_torch_vanilla_v1 as moemoecue_torch_vanilla_v1,
)

__all__ = [
    "KagurazakaTask",
    "KagurazakaVanillaTorchMixinV1",
    "KagurazakaVanillaTorchTaskV1",
    "__version__",
    "moemoecue_normal",
    "moemoecue_torch_vanilla_v1",
]
