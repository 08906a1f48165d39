"""A bundle's lock pins the vendor's patch set by its digest and the tree that it makes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.lock import LockedInput, PartialLock
from flagrelease.domain.patch_series import Series
from flagrelease.errors import RecipeError
from flagrelease.locking.lock import make_lock
from flagrelease.patching.series_digest import series_digest
from flagrelease.patching.series_yaml import series_yaml
from tests.recipes.test_partial_locks import Unreachable

ROOT = Path(__file__).parents[2]
BASE = "576370570066f0f88e471af60a8ef61c098ab5e0"
CELL = ("--chip", "cambricon_mlu", "--model", "minicpm-o-2.6")
KEY = "components.flagscale.patches"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's recipes, without a patch set."""
    for name in ("recipes", "dockerfiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def put(project: Path, **more: Any) -> Series:
    """Write the series of the set that the bundle names."""
    facts = {
        "schema": "flagrelease.patches/v1", "component": "flagscale", "base": BASE, "chip": "cambricon_mlu",
        "task": ("inference",), "models": ("MiniCPM_o_2.6",), "owner": "vendor@example.com", "why": "no CUDA",
        "upstream": "none", "remove_when": "never", "result_tree": "f" * 40,
        "patches": ({"file": "0001-one.patch", "sha256": "0" * 64, "size": 1},),
    }  # fmt: skip
    series = Series.model_validate({**facts, **more})
    folder = project / "patches" / series.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "series.yaml").write_bytes(series_yaml(series))
    return series


def locked(project: Path) -> LockedInput:
    recipe = Catalogue(project / "recipes").recipe("cambricon_mlu", "minicpm-o-2.6")
    lock = make_lock(recipe, Unreachable(), previous=None, upgrade=frozenset(), say=lambda _: None)
    assert isinstance(lock, PartialLock)
    return next(one for one in lock.inputs if one.key == KEY)


def run(project: Path, *words: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "flagrelease", *words, "--recipes", str(project / "recipes")]
    environment = {**os.environ, "FLAGRELEASE_HOME": str(project / "home")}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_set_that_is_not_there_leaves_the_lock_open(project: Path) -> None:
    found = locked(project)
    assert (found.status, found.reason) == ("unresolved", "the vendor's patch set is not in the project yet")


def test_a_set_is_locked_by_its_digest_with_the_tree_that_it_makes(project: Path) -> None:
    series = put(project)
    found = locked(project)
    assert (found.status, found.pin) == ("locked", series_digest(series))
    assert found.patch_set
    assert (found.patch_set.base, found.patch_set.result_tree) == (BASE, "f" * 40)
    assert not found.patch_set.is_sealed


def test_a_set_that_changes_makes_the_lock_stale_until_it_is_locked_anew(project: Path) -> None:
    put(project)
    assert run(project, "lock", *CELL, "--offline")[0] == 0
    assert run(project, "lock", *CELL, "--check")[0] == 0
    put(project, result_tree="e" * 40)
    status, told = run(project, "lock", *CELL, "--check")
    assert status == 4
    assert "older than its recipe" in told
    assert run(project, "lock", *CELL, "--offline")[0] == 0
    assert run(project, "lock", *CELL, "--check")[0] == 0


def test_two_sets_whose_bases_begin_the_same_are_told_apart_by_more_digits(project: Path) -> None:
    put(project)
    put(project, base=BASE[:11] + "f" * 29)
    bundle = project / "recipes/bundles/cambricon_mlu/minicpm-o-2.6.yaml"
    assert locked(project).status == "locked"
    bundle.write_text(bundle.read_text().replace(f"base: {BASE}", f'base: "{BASE[:8]}"'))
    with pytest.raises(RecipeError, match="2 patch sets of `cambricon_mlu` have a base that begins with 57637057"):
        locked(project)


def test_a_series_that_cannot_be_read_is_told_with_its_place(project: Path) -> None:
    series = put(project)
    file = project / "patches" / series.folder / "series.yaml"
    file.write_text(file.read_text().replace("owner:", "ovner:"))
    with pytest.raises(RecipeError, match=r"series.yaml:\d+:\d+: ovner: unknown key; did you mean 'owner'"):
        locked(project)
    assert "cannot be read" in run(project, "lint")[1]


def test_a_series_behind_a_symlink_is_refused(project: Path) -> None:
    series = put(project)
    file = project / "patches" / series.folder / "series.yaml"
    file.rename(project / "elsewhere")
    file.symlink_to(project / "elsewhere")
    with pytest.raises(RecipeError, match="wanted a file"):
        locked(project)


def test_a_set_in_another_ones_folder_is_refused(project: Path) -> None:
    series = put(project)
    file = project / "patches" / series.folder / "series.yaml"
    file.write_text(file.read_text().replace("chip: cambricon_mlu", "chip: metax_c550"))
    with pytest.raises(RecipeError, match="wanted the set of its folder"):
        locked(project)


def test_plan_names_the_set_and_says_whether_a_key_is_needed(project: Path) -> None:
    sealed = {"file": "0001-one.patch.sealed", "sha256": "0" * 64, "size": 1, "sealed": True}
    put(project, patches=(sealed,))
    told = run(project, "plan", *CELL)[1]
    assert f"apply the patches of cambricon_mlu, sealed to flagscale at {BASE}" in told
    assert "f" * 40 in told


def test_lint_says_that_a_needed_set_has_come(project: Path) -> None:
    put(project)
    assert "FR133" in run(project, "lint")[1]
    bundle = project / "recipes/bundles/cambricon_mlu/minicpm-o-2.6.yaml"
    bundle.write_text(bundle.read_text().replace(f"base: {BASE}\n", f"base: {BASE}\n          status: imported\n"))
    assert "FR133" not in run(project, "lint")[1]
