"""Real harnesses against the real bundle: both sides, killed and gone on with, a judge whose key nobody can find."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.storage.roots import register
from tests.e2e.harness_project import ITEMS, evalscope_task, harness_project, lm_eval_task
from tests.e2e.project import HOLD, ROOT, Project
from tests.harnesses.judge_server import judge_server

pytestmark = pytest.mark.slow

CANARY = "canary-5e1f0c7a-judge"
TOOL, NOT_BUILT = 10, 5


@pytest.fixture(scope="module")
def home(shared_home: Path) -> Path:
    """The shared store, in which `gc` of other tests leaves the environments: they take minutes to make."""
    kept = ROOT / ".cache" / "e2e-harnesses"
    (kept / "1-resolve").mkdir(parents=True, exist_ok=True)
    names = [path.name.partition("-")[0] for path in (shared_home / "harnesses").glob("*")]
    (kept / "1-resolve" / "lock.json").write_text(json.dumps(names))
    register(shared_home, kept)
    return shared_home


def records(project: Project, side: str) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in project.bundle().glob(f"8-evaluate/{side}/*.json")}


def running(word: str) -> list[int]:
    """Processes in whose command the word stands."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if word.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def soon(condition: Callable[[], object], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_killed_evaluation_goes_on_and_both_sides_prove_their_switches(home: Path, tmp_path: Path) -> None:
    project = harness_project(tmp_path / "project", home, {"words": lm_eval_task()})
    # The environment is there before, so that the harness is what is killed.
    assert project.call("build", "--until", "build").returncode == 0
    assert project.call("evaluate", "--task", "words", "--limit", "1").returncode == 0
    before = set((home / "evaluations").glob("*"))
    project.kill_at("evaluate", "progress", 9)
    (kept,) = set((home / "evaluations").glob("*")) - before
    assert soon(lambda: not running(kept.name), 10), "the harness ends with its caller"

    done = project.call("build")
    assert done.returncode == HOLD, done.stdout + done.stderr
    # The reference is asked first: at planned looks the target is held against it.
    log = (project.bundle() / "8-evaluate" / "reference-words.log").read_text()
    cached = int(log.rpartition("Cached requests: ")[2].partition(",")[0])
    assert 0 < cached < ITEMS, "answers of the killed run were not asked for again"
    target, reference = records(project, "target")["words"], records(project, "reference")["words"]
    assert reference["notes"] == ["cut off 1 times: what had been answered was kept, and the harness went on"]
    assert target["server"]["switches"] == {"USE_FLAGGEMS": "1"}
    assert reference["server"]["switches"] == {"USE_FLAGGEMS": None}
    assert target["server"]["argv"][0] == "/usr/bin/python3.11"
    assert target["host"]["kernel"].startswith("Linux")
    assert target["image"] == reference["image"] == project.image()
    assert len(target["items"]) == len(reference["items"]) == ITEMS
    (task,) = project.done("evaluate")["value"]["verdict"]["tasks"]
    assert {one["id"] for one in task["findings"]} >= {"same-image-switched"}
    assert "reference-is-target" not in {one["id"] for one in task["findings"]}
    assert (task["lost"], task["gained"]) == (0, 0)
    assert not kept.exists(), "what was kept is gone once its record is written"

    again = project.call("build")
    assert again.returncode == HOLD
    assert "[8/9] evaluate: up to date" in again.stderr, "a finished evaluation is not done again"


def test_a_judge_gets_its_key_and_no_file_argument_or_log_has_it(home: Path, tmp_path: Path) -> None:
    with judge_server(CANARY) as judge:
        task = evalscope_task("judged", 12) | {"judge": "judge-one", "metric": "accuracy"}
        task["asked"]["judge_url"] = judge.url
        project = harness_project(tmp_path / "project", home, {"judged": task})
        words = ("--task", "judged", "--limit", "10", "--json")
        not_built = project.call("evaluate", *words)
        assert not_built.returncode == NOT_BUILT
        assert "is not built here" in not_built.stderr
        assert project.call("build", "--until", "build").returncode == 0
        without = project.call("evaluate", *words)
        assert without.returncode == TOOL
        assert "FLAGRELEASE_SECRET_JUDGE_KEY" in without.stderr

        project.environment = {"FLAGRELEASE_SECRET_JUDGE_KEY": CANARY}
        before = set((home / "evaluations").glob("*"))
        killed = project.start("evaluate", *words)
        assert soon(lambda: answered(home, before) >= 3, 240), "the harness has answers"
        assert running(CANARY) == [], "the key is in no command"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        done = project.call("evaluate", *words)
        assert done.returncode == 0, done.stderr
        assert set(judge.keys) == {f"Bearer {CANARY}"}
    (told,) = json.loads(done.stdout)["tasks"]
    assert told == {"items": 10, "score": 1.0, "task": "judged"}
    (path,) = (project.bundle() / "records").glob("*/judged.json")
    record = json.loads(path.read_text())
    assert record["notes"] == ["cut off 1 times: what had been answered was kept, and the harness went on"]
    assert record["settings"]["limit"] == "10"
    for folder in (project.folder, home / "evaluations", home / "harnesses"):
        for file in folder.rglob("*"):
            if file.is_file() and "site-packages" not in file.parts:
                assert CANARY.encode() not in file.read_bytes(), file
    assert CANARY not in done.stdout + done.stderr


def answered(home: Path, before: set[Path]) -> int:
    new = set((home / "evaluations").glob("*")) - before
    return sum(len(file.read_bytes().splitlines()) for one in new for file in one.glob("output/predictions/*/*.jsonl"))
