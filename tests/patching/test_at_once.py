"""Two at once: one after the other, or both, and nothing is lost in silence."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from flagrelease.adapters.patches.sets import stored_sets
from flagrelease.adapters.storage import place as place_module
from flagrelease.adapters.storage.place import changing
from flagrelease.errors import SourceError
from flagrelease.patching.report import Applies
from tests.patching.conftest import FACTS, ROOT
from tests.patching.git_objects import Objects, files_of
from tests.patching.sealed_place import SealedPlace, extended, plain_place
from tests.patching.vendor import run_git, write

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> SealedPlace:
    return plain_place(tmp_path / "place")


def at_once(place: SealedPlace, *calls: Sequence[str]) -> list[tuple[int, str]]:
    """Run them all; how each ended and what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place.top),
        "PYTHONPATH": str(ROOT),
        "FLAGRELEASE_HOME": str(place.top / "store"),
        "FLAGRELEASE_PATCHES": str(place.top / "patches"),
        "FLAGRELEASE_RECIPES": str(ROOT / "recipes"),
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "flagrelease", "patch", *call],
            cwd=place.top,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for call in calls
    ]
    said = [one.communicate()[0] for one in running]
    return [(one.returncode, words) for one, words in zip(running, said, strict=True)]


def adding(place: SealedPlace, name: str) -> list[str]:
    """A call that adds a file of this name, from a checkout of its own."""
    checkout = place.top / name
    run_git("worktree", "add", "--quiet", "--detach", str(checkout), place.base, at=place.clone)
    write(checkout, {f"{name}.py": b"x\n"})
    run_git("add", "--all", at=checkout)
    run_git("commit", "--quiet", "-m", name, at=checkout)
    where = ["--component", "flagscale", "--repo", str(checkout), "--chip", "cambricon_mlu"]
    return ["add", *where, *FACTS, "--range", f"{place.base}..HEAD"]


def test_what_two_vendors_add_at_once_is_all_in_the_set(place: SealedPlace) -> None:
    ended = at_once(place, *(adding(place, name) for name in ("one", "two", "three")))
    assert [status for status, _ in ended] == [0, 0, 0], ended
    series = place.stored.series
    assert sorted(one.subject or "" for one in series.patches[2:]) == ["one", "three", "two"]
    assert place.check().finding == Applies(tree=series.result_tree)
    assert [path.name for path in place.set.parent.iterdir()] == ["cambricon_mlu"]


def test_two_that_apply_into_one_folder_leave_it_whole(place: SealedPlace, tmp_path: Path) -> None:
    where = ["--component", "flagscale", "--repo", str(place.clone), "--chip", "cambricon_mlu", "--commit", place.base]
    ended = at_once(place, *[["apply", *where, "--to", str(tmp_path / "out")]] * 3)
    assert [status for status, _ in ended] == [0, 0, 0], ended
    assert Objects().tree(files_of(tmp_path / "out", without=".flagrelease-patched.json")) == place.tree
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "place"]


def test_an_addition_while_it_is_sealed_is_sealed_or_refused(place: SealedPlace) -> None:
    seal = ["seal", str(place.set), "--sign-with", str(place.key("vendor")), "--for", str(place.public("maintainer"))]
    (added, words), (sealed, _) = at_once(place, adding(place, "more"), seal)
    assert sealed == 0
    assert (added, len(place.stored.series.patches)) in ((0, 3), (5, 2)), words
    assert added == 0 or "is sealed, and cannot be extended" in words
    assert {one.sealed for one in place.stored.series.patches} == {True}
    assert isinstance(place.check().finding, Applies)


def test_whoever_waits_too_long_is_told_where_somebody_is_at_work(
    place: SealedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "_PATIENCE_S", 0.1)
    with changing(place.set), pytest.raises(SourceError, match=r"another process is at work in .*: waited"):
        extended(place, {"README.md": b"x\n"})
    extended(place, {"README.md": b"x\n"})


def test_what_lies_there_to_become_a_set_is_none(place: SealedPlace) -> None:
    left = place.set.with_name(".cambricon_mlu.flagrelease-abcdefgh")
    place.set.rename(left)
    assert stored_sets(place.top / "patches") == []
    for command in (["status"], ["check", "--all"]):
        ((status, words),) = at_once(place, command)
        assert status == 0
        assert f"{left} is being written, or was left by a run that was killed" in words
