import subprocess
from pathlib import Path

import pytest

from flagrelease.domain.evidence import Baseline, EvalRun
from flagrelease.domain.gate import Policy
from flagrelease.evaluation.prompts import prompts_sha256
from flagrelease.formats.strict import decode_json, decode_yaml
from tests.evaluation.make_baseline import BASELINE, POLICY, ROOT, program

LIMIT = 12


def policy() -> Policy:
    return decode_yaml(POLICY.read_text(), Policy, source=str(POLICY))


def runs(path: Path) -> dict[str, EvalRun]:
    baseline = decode_json(path.read_bytes(), Baseline, source=str(path))
    return {run.task: run for run in baseline.runs}


def test_the_committed_baseline_answers_the_committed_policy() -> None:
    recorded = runs(BASELINE)
    assert set(recorded) == set(policy().tasks)
    for name, task in policy().tasks.items():
        run = recorded[name]
        assert (run.kind, run.metric, run.dataset.licence) == (task.kind, task.metric, task.dataset.licence)
        assert run.dataset.items_available == task.dataset.items_available
        assert run.dataset.items_selected == len(run.items) == task.selection.count
        assert run.dataset.selection_seed == task.selection.seed


def test_the_committed_baseline_is_whole() -> None:
    for run in runs(BASELINE).values():
        assert {item.status for item in run.items} == {"ok"}
        assert len({item.id for item in run.items}) == len(run.items)
        assert run.prompts_sha256 == prompts_sha256(item.prompt_sha256 for item in run.items)
        assert run.score == pytest.approx(sum(item.score for item in run.items) / len(run.items))


def test_the_committed_baseline_holds_no_free_text() -> None:
    for run in runs(BASELINE).values():
        assert all(item.answer in set("ABCDE") or item.answer.startswith("sha256:") for item in run.items)


@pytest.mark.slow
def test_the_reference_stack_gives_the_committed_answers_again(tmp_path: Path) -> None:
    argv = program(tmp_path, tmp_path / "again.json", "--limit", str(LIMIT))
    subprocess.run(argv, cwd=ROOT, check=True)
    committed, again = runs(BASELINE), runs(tmp_path / "again.json")
    assert set(again) == set(committed)
    for name, run in again.items():
        assert run.items == committed[name].items[:LIMIT]
        assert run.dataset.sha256 == committed[name].dataset.sha256
        assert run.weights_sha256 == committed[name].weights_sha256
