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
    if os.environ.pop(COOKIE_KEY, "") != COOKIE_VALUE:
        print(
            f"{path} is a plugin of kagurazaka and cannot run on its own. Run: kagurazaka {path} TASK …",
            file=sys.stderr,
        )
        return 1
    # What the imports make stays: looking for garbage among it takes a tenth of the start. Relay and nursery enable it again.
    gc.disable()
    from ._serve import modulepath

    # Before anything else is imported.
    modulepath.leave_working_folder()
    from ._serve import bytecode

    bytecode.install()
    # gRPC's fork handlers kill some of the children that a task forks while gRPC's threads run.
    fork_support = os.environ.get(FORK_SUPPORT)
    os.environ.setdefault(FORK_SUPPORT, "0")
    try:
        import google.protobuf  # noqa: F401
        import grpc  # noqa: F401
    except ImportError as error:
        print(
            f"{sys.executable} cannot serve {path}: {error}. Install the missing package: {sys.executable} -m pip install grpcio protobuf",
            file=sys.stderr,
        )
        return 1

    if fork_support is None:
        del os.environ[FORK_SUPPORT]

    from ._serve import launch

    return launch.main(path)


if __name__ == "__main__":
    sys.exit(main())
