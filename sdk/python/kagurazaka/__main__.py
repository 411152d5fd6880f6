"""``python -m kagurazaka …`` is the command ``kagurazaka …``: that of this interpreter's environment, with this interpreter for task files.

``python -m`` puts the working folder first on the module path, so a folder named kagurazaka there would be run in place of this
package. ``python -P -m kagurazaka`` (Python 3.11) does not, and nor does the command itself. Other modules are safe: the package leaves the
working folder out before it imports anything.
"""

import os
import sys


def _command() -> str:
    """Return the path of the host's binary: that of the wheel that this package came with, or one beside the interpreter; else empty."""
    import sysconfig

    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [os.path.dirname(sys.executable)]
    # The scheme of a wheel's packages has the folder of its scripts: a user's, say.
    for scheme in sysconfig.get_scheme_names():
        paths = sysconfig.get_paths(scheme)
        if here in (paths["purelib"], paths["platlib"]):
            folders.insert(0, paths["scripts"])
    folders.append(sysconfig.get_path("scripts"))
    for folder in folders:
        path = os.path.join(folder, "kagurazaka")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def main() -> int:
    command = _command()
    if not command:
        print(
            f"error: {sys.executable} -m kagurazaka: there is no command kagurazaka beside this interpreter; hint: "
            f"{sys.executable} -m pip install the wheel, or run the kagurazaka of another place with --python {sys.executable}",
            file=sys.stderr,
        )
        return 2
    os.environ.setdefault("KAGURAZAKA_PYTHON", sys.executable)
    os.execv(command, [command, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
