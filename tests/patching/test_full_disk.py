"""A full or broken disk at any write ends in one line that names a place; what was there is kept."""

import os
import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from flagrelease.patching.report import Applies
from tests.patching.conftest import FACTS, ROOT
from tests.patching.git_objects import Objects, files_of
from tests.patching.sealed_place import SealedPlace, plain_place
from tests.patching.vendor import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace"),
]
_KEYS = ("--sign-with", "keys/vendor.key", "--for", "keys/maintainer.pub")
_CALLS = ("fsync", "mkdir", "rename", "renameat2", "fchmod")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> SealedPlace:
    return plain_place(tmp_path_factory.mktemp("plain") / "place")


def run(place: SealedPlace, words: list[str], *, call: str, number: int, error: str) -> tuple[int, str, bool]:
    """A command whose n-th call of the kernel fails. How it ended, what it said, and whether there was such a call."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(place.top),
        "FLAGRELEASE_HOME": str(place.top / "store"),
        "FLAGRELEASE_PATCHES": str(place.top / "patches"),
        "FLAGRELEASE_RECIPES": str(ROOT / "recipes"),
    }
    trace = place.top / "trace"
    strace = ["strace", "-qq", "-o", str(trace), "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:error={error}:when={number}"]
    argv = [*strace, *inject, sys.executable, "-m", "flagrelease", "patch", *words]
    done = subprocess.run(argv, env=environment, cwd=place.top, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, "(INJECTED)" in trace.read_text()


def _state(place: SealedPlace) -> tuple[object, ...]:
    """The set as it is, which has to be whole, and the folder that is written."""
    found = place.check()
    assert isinstance(found.finding, Applies), found
    assert [path.name for path in place.set.parent.iterdir() if "flagrelease-" not in path.name] == ["cambricon_mlu"]
    out = place.top / "out"
    return found.digest, Objects().tree(files_of(out)) if out.exists() else None


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.parametrize("what", ["add", "seal", "apply"])
def test_a_call_that_fails_ends_in_one_line_and_the_old_is_kept(
    kept: SealedPlace, tmp_path: Path, what: str, call: str, error: str
) -> None:
    where = ["--component", "flagscale", "--repo", "clone", "--chip", "cambricon_mlu"]
    words = {
        "add": ["add", *where, *FACTS, "--base", kept.base],
        "seal": ["seal", f"{kept.set}".replace(f"{kept.top}/", ""), *_KEYS],
        "apply": ["apply", *where, "--commit", kept.base, "--to", "out"],
    }[what]  # fmt: skip
    for number in count(1):
        place = kept.copied(tmp_path / f"{number}")
        write(place.clone, {"README.md": b"other\n"})
        before = _state(place)
        status, said, was_reached = run(place, words, call=call, number=number, error=error)
        if not was_reached:
            assert status == 0, said
            break
        assert "Traceback" not in said, said
        after = _state(place)
        if status:
            assert re.search(r"^error: .*/", said, re.MULTILINE), said
            assert len(re.findall(r"^error: ", said, re.MULTILINE)) == 1
            # Once the new one is in its place, a fault can only be told.
            assert after == before or call == "fsync"
        else:
            assert after != before
