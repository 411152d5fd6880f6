"""``python -m kagurazaka.serve FILE``: serve the tasks of a Python file to the kagurazaka host."""

from __future__ import annotations

import gc
import os
import sys

FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"
COOKIE_KEY, COOKIE_VALUE = "KAGURAZAKA_PLUGIN", "8f0d1c2e-task-plugin"


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: python -m kagurazaka.serve FILE\nThe kagurazaka host runs this: kagurazaka FILE TASK …", file=sys.stderr)
        return 2
    path = sys.argv[1]
    if os.environ.pop(COOKIE_KEY, "") != COOKIE_VALUE and not os.environ.get("KAGURAZAKA_NURSERY"):
        print(
            f"{path} is a plugin of kagurazaka and cannot run on its own. Run: kagurazaka {path} TASK …",
            file=sys.stderr,
        )
        return 1
    from ._plain import is_plain

    if not is_plain():
        # What the imports make stays: looking for garbage among it takes a tenth of the start. Relay and nursery enable it again.
        gc.disable()
    from ._serve import modulepath

    # Before anything else is imported.
    modulepath.leave_working_folder()
    from ._serve import bytecode

    if not is_plain():
        bytecode.install()
    # gRPC's fork handlers kill some of the children that a task forks while gRPC's threads run.
    fork_support = os.environ.get(FORK_SUPPORT)
    os.environ.setdefault(FORK_SUPPORT, "0")
    try:
        import grpc  # noqa: F401

        from ._proto import plugin_pb2  # noqa: F401
    except (ImportError, AttributeError, TypeError) as error:
        # The host reads this line in place of a handshake.
        print(f"error|{_unusable(error)}", flush=True)
        return 2

    if fork_support is None:
        del os.environ[FORK_SUPPORT]

    from ._serve import launch

    if launch.ANEW in os.environ:
        return launch.nursery_anew(path)
    return launch.main(path)


def _unusable(error: Exception) -> str:
    """Return what this interpreter lacks, and what to type."""
    import shlex
    from importlib.util import find_spec

    python = shlex.quote(sys.executable)
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in ("grpc", "google")
    if missing:
        lacks = [name for name, module in (("grpcio", "grpc"), ("protobuf", "google.protobuf")) if not _has(module)]
        text = f"{sys.executable} has no {' and no '.join(lacks)}; hint: {python} -m pip install grpcio protobuf"
    else:
        reason = " ".join(str(error).split())
        text = f"{sys.executable} cannot use its grpcio or protobuf: {reason}; hint: {python} -m pip install --upgrade grpcio protobuf"
    if find_spec("pip") is None:
        text += f" (it has no pip: {python} -m ensurepip, or uv pip install --python {python} grpcio protobuf)"
    return text + "; --python names another interpreter"


def _has(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ImportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
