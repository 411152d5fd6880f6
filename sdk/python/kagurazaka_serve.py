"""The script that the host starts Python with: ``python kagurazaka_serve.py FILE``.

A script puts its own folder first on the module path. ``-m`` would put the working folder there, whose files could then replace
modules of Python or of the SDK. (From Python 3.11 on ``-P`` prevents that, too.)

This file is also read by versions of Python that the SDK does not run on: it tells them so.
"""

import os
import sys

OLDEST = (3, 10)


def keep_bytecode():
    """Install the cache of compiled modules from its file: importing it would compile the package that it is part of first."""
    from importlib.util import module_from_spec, spec_from_file_location

    here = os.path.dirname(os.path.abspath(__file__))
    spec = spec_from_file_location("kagurazaka_bytecode", os.path.join(here, "kagurazaka", "_serve", "bytecode.py"))
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.install()


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        found, oldest = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, OLDEST))
        # The host reads this line in place of a handshake.
        print(
            "error|%s is Python %s, and a task file needs Python %s or newer; hint: --python names another"
            % (sys.executable, found, oldest)
        )
        sys.exit(2)
    if os.environ.get("KAGURAZAKA_PLAIN", "") in ("", "0"):
        keep_bytecode()
    from kagurazaka.serve import main

    sys.exit(main())
