"""Whatever is stopped at whatever step leaves the old or the new, whole, and the next run tidies up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patching.conftest import ROOT

pytestmark = pytest.mark.slow

_QUICK = ("seal", "rekey")
_ALL = ("seal", "rekey", "apply", "apply over", "add", "extend")
_CASES = [
    pytest.param(
        what, ending, more, marks=[] if (what in _QUICK and ending == "killed" and not more) else pytest.mark.slow
    )
    for what in _ALL
    for ending in ("killed", "full")
    for more in ([], ["no-exchange"])
    if not more or what in {"seal", "extend", "apply over"}
]


@pytest.mark.parametrize(("what", "ending", "more"), _CASES)
def test_a_change_that_is_stopped_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, what: str, ending: str, more: list[str]
) -> None:
    argv = [sys.executable, "-m", "tests.patching.killed_steps", what, str(tmp_path), ending, *more]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 10, done.stdout
