"""A bundle from its recipe to its verdict, with real packages, weights, server and items."""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flagrelease.stages import ORDER
from tests.e2e.project import HOLD, ROOT, Project, make_project

pytestmark = pytest.mark.slow

BUILD_STAGES = ORDER[:-1]


def test_the_bundle_folder_shows_the_stages_in_their_order(built: Project) -> None:
    folders = sorted(p.name for p in built.bundle().iterdir() if p.is_dir())
    assert folders == [f"{number}-{stage}" for number, stage in enumerate(BUILD_STAGES, start=1)]


def test_the_card_shows_digests_scores_and_the_deviation_and_calls_itself_a_draft(built: Project) -> None:
    card = (built.bundle() / "README.md").read_text()
    assert built.image() in card
    assert "**Draft.**" in card
    assert "commonsense" in card
    assert "2027-12-31" in card
    assert "transformers 5." in card
    assert f"measured {datetime.now(UTC).date().isoformat()[:4]}-" in card
    assert "lowered from 240 to 200" in card


def test_a_second_build_has_nothing_to_do_and_uses_no_network(built: Project) -> None:
    before = len(built.events())
    # A network namespace without any interface: every call would fail.
    argv = ["unshare", "--user", "--map-root-user", "--net", *built.argv("build")]
    done = subprocess.run(argv, env=built.env(), cwd=built.folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, HOLD}, done.stderr
    assert {e["kind"] for e in built.events()[before:]} == {"reused"}


def test_a_build_elsewhere_and_later_gives_the_same_manifest_digest(
    built: Project, tmp_path: Path, shared_home: Path
) -> None:
    # Another store, folder, umask, time zone and locale: only the downloads are taken over.
    home = tmp_path / "another home"
    shutil.copytree(shared_home / "blobs", home / "blobs")
    for path in (home / "blobs").rglob("*"):
        if path.is_file() and path.stat().st_size > 0:
            os.utime(path, (1, 1))
    other = make_project(tmp_path / "another folder", home)
    other.environment = {"TZ": "Asia/Shanghai", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    before = os.umask(0o077)
    try:
        done = other.call("build", "--until", "build")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    assert other.image() == built.image()


def test_a_build_killed_in_every_stage_redoes_only_that_stage_and_ends_with_the_same_digest(
    built: Project, tmp_path: Path
) -> None:
    # A store of its own: the downloads and the unpacking are killed too.
    project = make_project(tmp_path / "project", tmp_path / "cold")
    kills = [
        ("resolve", "started", 1),
        ("fetch", "started", 1),
        ("fetch", "progress", 40),
        ("fetch", "progress", 120),
        ("patch", "started", 1),
        ("render", "started", 1),
        ("build", "started", 1),
        ("build", "progress", 20),
        ("smoke_kernels", "started", 1),
        ("smoke_serving", "started", 1),
        ("smoke_serving", "progress", 3),
        ("evaluate", "started", 1),
        ("evaluate", "progress", 5),
    ]
    for kill in kills:
        project.kill_at(*kill)
    done = project.call("build")
    assert done.returncode in {0, HOLD}, done.stderr
    assert "going on after" in done.stderr, "what the killed evaluation was answered was asked again"
    assert project.image() == built.image()
    finishes = [e["stage"] for e in project.events() if e["kind"] in {"finished", "skipped"}]
    assert sorted(finishes) == sorted(BUILD_STAGES), "a finished stage was done again"
    starts = [e["stage"] for e in project.events() if e["kind"] == "started"]
    assert {stage: starts.count(stage) - 1 for stage in BUILD_STAGES} == dict(Counter(stage for stage, _, _ in kills))
    assert project.call("fsck").returncode == 0


def test_a_killed_build_leaves_no_process(project: Project) -> None:
    project.kill_in("smoke_serving")
    deadline = time.monotonic() + 10
    while (left := _processes_in(project.home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_two_builds_of_a_cold_store_into_two_folders_share_it(tmp_path: Path) -> None:
    both = [make_project(tmp_path / name, tmp_path / "cold") for name in ("one", "two")]
    running = [project.start("build", "--until", "build") for project in both]
    assert [process.wait(600) for process in running] == [0, 0]
    assert both[0].image() == both[1].image()
    assert both[0].call("fsck").returncode == 0


def test_two_builds_at_once_both_end_well_and_do_the_work_once(project: Project) -> None:
    both = [project.start("build") for _ in range(2)]
    assert {process.wait(600) for process in both} <= {0, HOLD}
    finishes = [e["stage"] for e in project.events() if e["kind"] in {"finished", "skipped"}]
    assert sorted(finishes) == sorted(BUILD_STAGES)


def test_offline_with_a_cold_store_says_what_is_missing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", tmp_path / "cold")
    done = project.call("build", "--offline")
    assert done.returncode == 5
    assert "offline" in done.stderr


def test_a_changed_recipe_ends_with_4_and_the_command_that_locks_it(project: Project) -> None:
    recipe = project.recipes / "bundles" / "cpu" / "smollm2-135m-instruct.yaml"
    recipe.write_text(recipe.read_text().replace("slots: 8", "slots: 4"))
    done = project.call("build")
    assert done.returncode == 4
    assert "flagrelease lock --chip cpu --model smollm2-135m-instruct" in done.stderr
    assert project.call("lock", "--check").returncode == 4


def test_a_lock_that_was_edited_by_hand_ends_with_4(project: Project) -> None:
    path = project.recipes / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    path.write_text(path.read_text().replace('"margin_pt": 3.0', '"margin_pt": 5.0'))
    done = project.call("build")
    assert done.returncode == 4
    assert "policy" in done.stderr
    assert project.call("lock", "--check").returncode == 4


def test_from_does_a_stage_and_all_after_it_anew(built: Project) -> None:
    before = len(built.events())
    assert built.call("build", "--from", "smoke_serving").returncode == HOLD
    kinds = {e["stage"]: e["kind"] for e in built.events()[before:] if e["kind"] in {"reused", "finished"}}
    assert {stage for stage, kind in kinds.items() if kind == "finished"} == {"smoke_serving", "evaluate"}


@pytest.mark.parametrize("piece", ["8-evaluate/target", "5-build/image/index.json", "7-smoke_serving/report.json"])
def test_a_piece_of_a_bundle_that_was_deleted_is_made_again(project: Project, piece: str) -> None:
    assert project.call("build").returncode == HOLD
    gone = project.bundle() / piece
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert project.call("build").returncode == HOLD
    assert gone.exists()


def test_a_wrong_key_ends_with_3_and_its_position(project: Project) -> None:
    recipe = project.recipes / "chips" / "cpu.yaml"
    text = recipe.read_text().replace("vendor:", "vendro:")
    line = text.splitlines().index(next(row for row in text.splitlines() if row.startswith("vendro:"))) + 1
    recipe.write_text(text)
    done = project.call("build")
    assert done.returncode == 3
    assert f"cpu.yaml:{line}:1: vendro" in done.stderr
    assert "did you mean 'vendor'" in done.stderr


def test_the_report_shows_every_stage_with_its_time_and_why_one_was_skipped(built: Project) -> None:
    report = json.loads((built.bundle() / "report.json").read_text())
    assert [stage["stage"] for stage in report["stages"]] == list(BUILD_STAGES)
    skipped = {stage["stage"] for stage in report["stages"] if "skipped" in stage}
    assert skipped == {"patch", "smoke_kernels"}


def test_every_reason_is_told_once_and_so_is_the_deviation(built: Project) -> None:
    done = built.call("build")
    assert done.returncode == HOLD
    reasons = json.loads((built.bundle() / "report.json").read_text())["reasons"]
    for reason in reasons:
        assert (done.stdout + done.stderr).count(reason) == 1
    assert "deviates unknown-model, as declared until 2027-12-31: " in done.stdout
    assert "log:" not in done.stderr


def test_json_on_stdout_is_only_json(built: Project) -> None:
    done = built.call("build", "--json", "--quiet")
    assert json.loads(done.stdout)["image"] == built.image()
    assert done.stderr == "" or done.returncode == HOLD


def test_the_committed_lock_and_schemas_are_fresh() -> None:
    here = Project(folder=ROOT, home=ROOT / ".cache" / "e2e")
    assert here.call("lock", "--check").returncode == 0
    assert here.call("schema", "--check").returncode == 0


def _processes_in(home: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(b"/opt/bundle/serve.py" in word or os.fsencode(home) in word for word in words):
            found.append(b" ".join(words).decode())
    return found
