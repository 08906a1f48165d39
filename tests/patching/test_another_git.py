"""Another version of git makes the same patches and the same trees, byte for byte."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.patching.conftest import ROOT, Place
from tests.patching.git_objects import Tree
from tests.patching.test_round_trip import HEALTH, Ground, ground, histories, try_history
from tests.patching.vendor import edit, tree_on_disk

OTHER = ROOT / ".cache" / "another-git" / "bin"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (OTHER / "git").exists(), reason="there is no second git: run `make .cache/another-git`"),
]
__all__ = ["ground"]


@pytest.fixture
def two_paths() -> tuple[str, str]:
    """PATH with this machine's git, and with the other."""
    return os.environ["PATH"], f"{OTHER}{os.pathsep}{os.environ['PATH']}"


def test_the_other_git_is_another(two_paths: tuple[str, str]) -> None:
    versions = {
        subprocess.run(["git", "--version"], env={"PATH": path}, capture_output=True, check=True).stdout
        for path in two_paths
    }
    assert len(versions) == 2


def test_both_make_the_same_set_and_apply_each_others(place: Place, two_paths: tuple[str, str]) -> None:
    edit(place.clone)
    where = ["--component", "flagscale", "--repo", str(place.clone), "--chip", "cambricon_mlu"]
    sets = []
    for number, path in enumerate(two_paths):
        patches = place.top / f"patches{number}"
        more = {"PATH": path, "FLAGRELEASE_PATCHES": str(patches)}
        facts = ("--task", "train", "--why", "w", "--owner", "o", "--upstream", "none", "--remove-when", "never")
        place.run("add", *where, *facts, "--base", place.base, more=more)
        # The date of the checkout's patch is the moment it was made at.
        sets.append({path.name: _without_date(path) for path in patches.rglob("*") if path.is_file()})
    assert sets[0] == sets[1]
    where += ["--commit", place.base]
    trees = set()
    for number, path in enumerate(reversed(two_paths)):
        more = {"PATH": path, "FLAGRELEASE_PATCHES": str(place.top / f"patches{number}")}
        place.run("apply", *where, "--to", f"out{number}", more=more)
        assert "applies" in place.run("check", "--all", "--repo", str(place.clone), "--anew", more=more)
        trees.add(tree_on_disk(place.top / f"out{number}", place.top / "scratch"))
    assert len(trees) == 1


def _without_date(path: Path) -> bytes:
    if path.name == "series.yaml":
        return b"".join(line for line in path.read_bytes().splitlines() if b"sha256" not in line)
    return b"\n".join(line for line in path.read_bytes().split(b"\n") if not line.startswith(b"Date: "))


@settings(max_examples=60, deadline=None, suppress_health_check=HEALTH)
@given(history=histories())
def test_whatever_a_vendor_changes_comes_out_the_same(ground: Ground, history: tuple[list[Tree], str]) -> None:
    """Made by this machine's git, written by the other."""
    try_history(ground, history, applied_with=f"{OTHER}{os.pathsep}{os.environ['PATH']}")
