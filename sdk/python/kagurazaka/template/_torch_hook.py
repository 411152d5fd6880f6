"""Registers a type with torch's default collate without importing torch."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

_COLLATE = "torch.utils.data._utils.collate"


def teach_torch(kind: type) -> None:
    """Let torch's default collate keep values of this type as a list: now, or when torch is imported."""
    if _COLLATE in sys.modules:
        _register(sys.modules[_COLLATE], kind)
    else:
        sys.meta_path.insert(0, _Finder(kind))


def _register(module: Any, kind: type) -> None:
    functions = getattr(module, "default_collate_fn_map", None)
    if functions is not None:
        functions[kind] = _keep


def _keep(batch: Any, *args: Any, **kwargs: Any) -> Any:
    return batch


class _Finder:
    """Waits for one module and registers the type once that was executed."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != _COLLATE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader, self.kind)
            spec.loader = loader
        return spec


class _Loader:
    def __init__(self, loader: Any, kind: type) -> None:
        self.loader, self.kind = loader, kind

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _register(module, self.kind)
