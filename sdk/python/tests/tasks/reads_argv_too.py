"""What reads_argv.py imports."""

import sys

SUFFIX = sys.argv[sys.argv.index("--to") + 1] if "--to" in sys.argv else ".nowhere"
