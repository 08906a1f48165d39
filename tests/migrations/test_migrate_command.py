"""`flagrelease migrate` on a folder of recipes, as a person calls it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

V1 = Path(__file__).parent / "v1"
ENGINE = """\
schema: flagrelease.engine/v1
name: llamacpp
title: llama.cpp by xllamacpp
serves: true
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """Old recipes, and the engine recipe that there was none of then."""
    folder = tmp_path / "recipes"
    shutil.copytree(V1, folder)
    (folder / "engines").mkdir()
    (folder / "engines/llamacpp.yaml").write_text(ENGINE)
    return folder


def migrate(*words: str, recipes: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flagrelease", "migrate", "--recipes", str(recipes), *words]
    return subprocess.run(argv, cwd=recipes.parent, capture_output=True, text=True, timeout=60, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_all_old_files_are_lifted_and_named(recipes: Path) -> None:
    done = migrate(recipes=recipes)
    assert done.returncode == 0, done.stderr
    listed = [Path(line).relative_to(recipes).as_posix() for line in done.stdout.splitlines()]
    assert listed == [
        "chips/cpu.yaml",
        "models/smollm2-135m-instruct.yaml",
        "bundles/cpu/smollm2-135m-instruct.yaml",
        "bundles/cpu/smollm2-135m-instruct.lock.json",
    ]
    assert "`memory` is called `memory_probe`" in done.stderr
    assert "run `flagrelease lock`, which keeps every pin" in done.stderr
    again = migrate(recipes=recipes)
    assert (again.returncode, again.stdout) == (0, "")
    assert "5 files, all of the current schema versions" in again.stderr


def test_check_writes_nothing_and_ends_with_3(recipes: Path) -> None:
    before = contents(recipes)
    done = migrate("--check", recipes=recipes)
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 4
    assert "4 of 5 files are of an older schema version" in done.stderr
    assert "run `flagrelease migrate`" in done.stderr
    assert contents(recipes) == before


def test_a_file_that_cannot_be_lifted_stays_whole_and_keeps_no_other_back(recipes: Path) -> None:
    bundle = recipes / "bundles/cpu/smollm2-135m-instruct.yaml"
    bundle.write_text(bundle.read_text().replace("llama.cpp by xllamacpp", "llama.cpp by hand"))
    before = bundle.read_bytes()
    done = migrate(recipes=recipes)
    assert done.returncode == 3
    assert "variants.llamacpp.engine: wanted the title of an engine recipe" in done.stderr
    assert "'llama.cpp by xllamacpp' (llamacpp)" in done.stderr
    assert bundle.read_bytes() == before
    assert "flagrelease.chip/v2" in (recipes / "chips/cpu.yaml").read_text()


def test_only_what_is_named_is_lifted(recipes: Path) -> None:
    done = migrate(str(recipes / "models"), str(recipes / "chips/cpu.yaml"), "--json", recipes=recipes)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [Path(one["path"]).parent.name for one in told["files"]] == ["models", "chips"]
    assert told["files"][0] | {"path": ""} == {
        "path": "", "kind": "model", "from": 1, "to": 2,
        "steps": ["v1 → v2: nothing but the version: what is new may be left out"],
    }  # fmt: skip
    assert "bundle/v1" in (recipes / "bundles/cpu/smollm2-135m-instruct.yaml").read_text()


def test_a_link_stays_a_link(recipes: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    chip = recipes / "chips/cpu.yaml"
    chip.rename(real)
    chip.symlink_to(real)
    assert migrate(str(chip), recipes=recipes).returncode == 0
    assert chip.is_symlink()
    assert "flagrelease.chip/v2" in real.read_text()


def test_a_newer_file_is_refused_by_name(recipes: Path) -> None:
    chip = recipes / "chips/cpu.yaml"
    chip.write_text(chip.read_text().replace("chip/v1", "chip/v3"))
    done = migrate(str(chip), recipes=recipes)
    assert done.returncode == 3
    assert "found 'flagrelease.chip/v3', which this flagrelease does not know" in done.stderr


def test_something_else_than_a_recipe_is_refused(recipes: Path) -> None:
    done = migrate("notes.txt", recipes=recipes)
    assert done.returncode == 3
    assert "wanted a recipe" in done.stderr
