"""The tests of the task that `kagurazaka new` writes, and of an example, as a user has them."""

import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY / "sdk" / "starter" / "python"), str(REPOSITORY / "examples" / "python")]

from test_example import test_finished_items_are_skipped, test_title  # noqa: E402, F401
from test_words import test_top, test_words  # noqa: E402, F401
