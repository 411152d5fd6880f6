"""The tests of the task that `kagurazaka new` writes, and of an example, as a user has them."""

import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY / "sdk" / "starter" / "python"), str(REPOSITORY / "examples" / "python")]

from test_example import test_finished_items_are_skipped, test_title  # noqa: E402, F401
from test_words import test_top, test_words  # noqa: E402, F401


def test_the_page_about_tests(tmp_path):
    """The Python of docs/how-to/test-a-task.md passes beside the file that `new upper.py` writes."""
    example = (REPOSITORY / "sdk/starter/python/example.py").read_text()
    (tmp_path / "upper.py").write_text(example.replace("Example", "Upper"))
    page = (REPOSITORY / "docs/how-to/test-a-task.md").read_text()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "from upper import" in block]
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout + done.stderr
