"""A rehearsal can never be published: by type, by label, and by command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.cards.rehearsal import CARD
from tests.dockerd import Dockerd
from tests.stand_ins.making import KEPT, RECIPES, ROOT

pytestmark = pytest.mark.slow

CAMBRICON = ("--chip", "cambricon_mlu", "--model", "minicpm-o-2.6")
"""The line that a user types first for this chip."""

TAKES_NO_REHEARSAL = """
from pathlib import Path
from flagrelease.domain.engine_build import EngineBuilt, Rehearsed
from flagrelease.oci.layout import write_layout
from flagrelease.ports import Store, Target, Tools
from flagrelease.stages.publish import publish

def a_target(target: Target, made: Rehearsed) -> None:
    target.publish(made, "r1", lambda _done, _of: None)  # refused

def a_stage(tools: Tools, here: Path, made: Rehearsed) -> None:
    publish(tools, here, made, (), "r1")  # refused

def a_folder(store: Store, made: Rehearsed) -> None:
    write_layout(store, made, Path("image"), tag="r1")  # refused

def its_image(made: Rehearsed) -> None:
    print(made.image)  # refused

def a_built_image(made: Rehearsed) -> EngineBuilt:
    return made  # refused

def what_is_built_goes(target: Target, made: EngineBuilt) -> None:
    target.publish(made.image, "r1", lambda _done, _of: None)
"""


def test_no_place_that_publishes_takes_what_a_rehearsal_gives(tmp_path: Path) -> None:
    (tmp_path / "trying.py").write_text(TAKES_NO_REHEARSAL)
    argv = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", ".mypy_cache"]
    said = subprocess.run([*argv, str(tmp_path / "trying.py")], cwd=ROOT, capture_output=True, text=True, check=False)
    found = [line for line in said.stdout.splitlines() if ": error: " in line]
    numbered = enumerate(TAKES_NO_REHEARSAL.splitlines(), start=1)
    refused = [number for number, line in numbered if line.endswith("# refused")]
    assert [int(line.partition(".py:")[2].partition(":")[0]) for line in found] == refused, said.stdout + said.stderr
    assert all("Rehearsed" in line for line in found)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def report(dockerd: Dockerd, out: Path) -> dict[str, object]:
    """What the rehearsal of a real bundle reports."""
    done = flagrelease("build", "--rehearse", *CAMBRICON, "--json", engine=dockerd, out=out)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def flagrelease(*argv: str, engine: Dockerd, out: Path) -> "subprocess.CompletedProcess[str]":
    places = {"FLAGRELEASE_HOME": str(KEPT), "FLAGRELEASE_RECIPES": str(RECIPES), "FLAGRELEASE_OUT": str(out)}
    return subprocess.run(
        [sys.executable, "-m", "flagrelease", *argv],
        env=engine.environment(**places),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bundle_goes_to_the_end_with_stand_ins_and_says_so(report: dict[str, object]) -> None:
    assert report["rehearsal"] is True
    named = report["stand_ins"]
    assert isinstance(named, list)
    stood_in = {one["key"] for one in named}
    assert {"sdks.zhiyuan-vllm-0.2.base", "components.flagscale"} <= stood_in
    card = Path(str(report["card"])).read_text()
    assert card.startswith("# Rehearsal of cambricon_mlu-minicpm-o-2.6-flagscale: not a release")


def test_publishing_it_is_refused_and_nothing_is_written(
    report: dict[str, object], dockerd: Dockerd, out: Path, tmp_path: Path
) -> None:
    done = flagrelease("publish", *CAMBRICON, "--to", f"oci:{tmp_path}/published", engine=dockerd, out=out)
    assert done.returncode not in {0, 1}, done.stderr
    assert not (tmp_path / "published").exists()
    assert Path(str(report["card"])).name == CARD


def test_a_rehearsals_folder_in_the_bundles_place_is_not_taken_for_it(
    report: dict[str, object], dockerd: Dockerd, tmp_path: Path
) -> None:
    folder = Path(str(report["folder"]))
    bundle = tmp_path / "out" / folder.name.removesuffix("-rehearsal")
    assert bundle.name != folder.name
    shutil.copytree(folder, bundle)
    done = flagrelease("publish", *CAMBRICON, "--to", f"oci:{tmp_path}/published", engine=dockerd, out=tmp_path / "out")
    assert done.returncode not in {0, 1}, done.stderr
    assert not (tmp_path / "published").exists()
