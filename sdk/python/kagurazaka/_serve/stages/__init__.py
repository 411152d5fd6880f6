"""The stages of a device task: LOAD, DEVICE and FINISH, each in separate processes, with tensors in shared memory."""

from __future__ import annotations

from typing import Any

from ..._proto import plugin_pb2 as pb

STAGES = (pb.STAGE_LOAD, pb.STAGE_DEVICE, pb.STAGE_FINISH)


def prepare() -> None:
    """Load the modules that workers of the stages need, in the process from which they are forked."""
    import importlib.util

    from . import finish, load  # noqa: F401

    if importlib.util.find_spec("torch") is not None:
        import torch.utils.data  # noqa: F401


def server(opened: Any, request: Any, listed: Any) -> Any:
    """Return the server of Run for the request's stage."""
    if request.stage == pb.STAGE_LOAD:
        from .load import LoadServer

        return LoadServer(opened, request, listed)
    if request.stage == pb.STAGE_DEVICE:
        from .device import StageServer

        return StageServer(opened, request)
    prepare()
    from .finish import FinishServer

    return FinishServer(opened, request)
