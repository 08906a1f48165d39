"""`patch check` and `patch apply` read the store's mirror where no clone is named."""

import shutil
from pathlib import Path

import pytest

from flagrelease.adapters.mirrors.mirrors import Mirrors
from tests.mirrors.conftest import source, unseen
from tests.patching.conftest import FACTS, Place
from tests.patching.vendor import edit, made_clone, tree_on_disk

pytestmark = pytest.mark.slow

BUNDLE = """schema: flagrelease.bundle/v2
chip: cambricon_mlu
model: {model}
default_variant: one
variants:
  one:
    revision: r1
    sdk: sdk
    weights: weights
    engine: engine
    components:
      flagscale:
        provenance: a test
        source:
          kind: git
          repository: {repository}
          commit: "{commit}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A set, recipes whose bundles name the component's repository, and a store that has its commit; no clone."""
    clone = tmp_path / "served" / "own" / "repo.git"
    home = tmp_path / "home"
    home.mkdir()
    found = Place(top=tmp_path, clone=clone, base=made_clone(clone), patches=tmp_path / "patches", home=home)
    edit(clone)
    found.run(
        "add", "--component", "flagscale", "--repo", str(clone), "--chip", "cambricon_mlu", *FACTS, "--base", found.base
    )
    shutil.copytree(Path(__file__).parents[2] / "recipes" / "chips", tmp_path / "recipes" / "chips")
    bundle(found, "one", "own/repo")
    environ = {"FLAGRELEASE_FORGE_GITHUB": f"file://{tmp_path}/served"}
    Mirrors(home / "store", environ=environ).bring(source(), found.base, unseen)
    shutil.rmtree(clone)
    return found


def bundle(place: Place, model: str, repository: str) -> None:
    path = place.top / "recipes" / "bundles" / "cambricon_mlu" / f"{model}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(BUNDLE.format(model=model, repository=repository, commit=place.base))


def run(place: Place, *words: str, status: int = 0) -> str:
    return place.run(*words, more={"FLAGRELEASE_RECIPES": str(place.top / "recipes")}, status=status)


def apply(place: Place, to: Path, *, status: int = 0) -> str:
    words = ("--component", "flagscale", "--chip", "cambricon_mlu", "--commit", place.base, "--to", str(to))
    return run(place, "apply", *words, status=status)


def test_a_set_is_checked_and_applied_with_the_stores_mirror(place: Place, tmp_path: Path) -> None:
    assert "applies" in run(place, "check", "--all")
    told = apply(place, tmp_path / "out")
    assert f"tree {tree_on_disk(tmp_path / 'out', tmp_path / 'scratch')}" in told


def test_bundles_that_name_several_repositories_ask_for_a_clone(place: Place, tmp_path: Path) -> None:
    bundle(place, "two", "other/fork")
    for told in (run(place, "check", "--all", status=5), apply(place, tmp_path / "out", status=5)):
        assert "flagscale: bundles name several repositories for it: github other/fork, github own/repo" in told
        assert "--repo flagscale=PATH" in told


def test_without_clone_and_mirror_both_are_missed(place: Place, tmp_path: Path) -> None:
    shutil.rmtree(place.home / "store" / "git")
    assert "found none, and no mirror in the store has a commit" in apply(place, tmp_path / "out", status=5)
    run(place, "check", "--all", status=5)
