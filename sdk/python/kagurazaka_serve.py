"""The script that the host starts Python with: ``python kagurazaka_serve.py FILE``.

A script puts its own folder first on the module path. ``-m`` would put the working folder there, whose files could then replace
modules of Python or of the SDK. (From Python 3.11 on ``-P`` prevents that, too.)
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from os.path import abspath, dirname, join


def keep_bytecode() -> None:
    """Install the cache of compiled modules from its file: importing it would compile the package that it is part of first."""
    spec = spec_from_file_location("kagurazaka_bytecode", join(dirname(abspath(__file__)), "kagurazaka", "_serve", "bytecode.py"))
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.install()


if __name__ == "__main__":
    keep_bytecode()
    from kagurazaka.serve import main

    sys.exit(main())
