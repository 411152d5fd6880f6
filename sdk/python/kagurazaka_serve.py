"""The script that the host starts Python with: ``python kagurazaka_serve.py FILE``.

A script puts its own folder first on the module path. ``-m`` would put the working folder there, whose files could then replace
modules of Python or of the SDK. (From Python 3.11 on ``-P`` prevents that, too.)
"""

import sys

if __name__ == "__main__":
    from kagurazaka.serve import main

    sys.exit(main())
