"""A bundle from its recipe to its verdict, with real packages, weights, server and items."""

import json
import os
import shutil
import subprocess
import time
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


def test_a_second_build_has_nothing_to_do_and_uses_no_network(built: Project) -> None:
    before = len(built.events())
    # A network namespace without any interface: every call would fail.
    argv = ["unshare", "--net", *built.argv("build")]
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
    built: Project, project: Project
) -> None:
    for stage in BUILD_STAGES:
        if built.done(stage)["seconds"] < 0.05:
            continue  # over before a signal can reach it
        project.kill_in(stage)
    done = project.call("build")
    assert done.returncode in {0, HOLD}, done.stderr
    assert project.image() == built.image()
    starts = [e["stage"] for e in project.events() if e["kind"] == "started"]
    finishes = [e["stage"] for e in project.events() if e["kind"] in {"finished", "skipped"}]
    assert sorted(finishes) == sorted(BUILD_STAGES), "a finished stage was done again"
    assert max(starts.count(stage) for stage in BUILD_STAGES) == 2
    assert project.call("fsck").returncode == 0


def test_a_killed_build_leaves_no_process(project: Project) -> None:
    project.kill_in("smoke_serving")
    deadline = time.monotonic() + 10
    while (left := _processes_in(project.home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


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


def test_json_on_stdout_is_only_json(built: Project) -> None:
    done = built.call("build", "--json", "--quiet")
    assert json.loads(done.stdout)["image"] == built.image()
    assert done.stderr == "" or done.returncode == HOLD


def test_damage_in_the_store_is_found_named_and_mended(project: Project, shared_home: Path) -> None:
    done = project.call("build", "--until", "build")
    assert done.returncode == 0, done.stderr
    debs = project.done("fetch")["value"]["debs"]
    path = shared_home / "blobs" / "sha256" / debs[3][7:9] / debs[3][9:]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    found = project.call("fsck")
    assert found.returncode == 5
    assert debs[3] in found.stdout
    assert project.bundle().name in found.stdout
    mended = project.call("fsck", "--repair")
    assert mended.returncode == 0, mended.stderr
    assert "fetched again" in mended.stdout
    assert project.call("fsck").returncode == 0


def test_a_damaged_file_of_an_unpacked_image_is_found_and_mended(project: Project) -> None:
    assert project.call("build").returncode in {0, HOLD}
    unpacked = project.home / "rootfs" / f"{project.image().removeprefix('sha256:')}.without-weights"
    program = unpacked / "usr" / "bin" / "cat"
    program.chmod(0o755)
    program.write_bytes(program.read_bytes()[:-1] + b"!")
    found = project.call("fsck")
    assert found.returncode == 5
    assert "unpacked /usr/bin/cat" in found.stdout
    assert project.call("fsck", "--repair").returncode == 0
    assert project.call("fsck").returncode == 0


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
