"""What the host starts Python with: ``python kagurazaka_serve.py FILE``.

The folder of a script is first on the module path, where ``-m`` puts the working folder: nothing that lies there may stand in for
a module of Python or of the SDK. (From Python 3.11 on ``-P`` would do as much.)
"""

import sys

if __name__ == "__main__":
    from kagurazaka.serve import main

    sys.exit(main())
