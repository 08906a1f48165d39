"""A bundle's verdict covers what was asked here and what a harness asked, by the same rules as files alone."""

from typing import Any

import pytest

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline
from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Verdict
from flagrelease.errors import RecipeError
from flagrelease.gate.decide import decide
from flagrelease.gate.records.copied import Table
from tests.gate.builders import IMAGE, OTHER_IMAGE, POLICY_SHA256, both_sides, record
from tests.gate.builders import a_task as own_task
from tests.gate.records import BENCHMARK, a_policy, a_record, a_task, answers, both, judged

POLICY = a_policy(tasks={"task": own_task()}, harness_tasks={"quiz": a_task()})
OWN = tuple(record(run) for run in both_sides(lost=4, gained=4))


def of_harness(*, lost: int = 0, image: str | None = IMAGE, task: str = "quiz") -> tuple[Record, Record]:
    before, after = both(lost=lost)
    return a_record(answers(before), task=task), a_record(answers(after), side="t", task=task, image=image)


def verdict(*pairs: tuple[Record, ...], policy: Policy = POLICY, others: tuple[Table, ...] = ()) -> Verdict:
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    return decide(
        policy, POLICY_SHA256, IMAGE, *sides, benchmarks={"quiz": BENCHMARK}, chip="c", model="m", others=others
    )


def test_own_tasks_and_those_of_a_harness_decide_together() -> None:
    found = verdict(OWN, of_harness())
    assert (found.decision, found.image) == ("GO", IMAGE)
    assert {task.task: task.decision for task in found.tasks} == {"task": "PASS", "quiz": "PASS"}
    assert found.suite is not None
    assert found.suite.tasks == 2
    assert verdict(OWN, of_harness(lost=60)).decision == "NO-GO"


def test_a_harness_s_task_without_a_record_is_no_go() -> None:
    found = verdict(OWN)
    assert found.decision == "NO-GO"
    assert found.reasons[1].startswith("quiz: the policy asks for it with metric `accuracy` and there is no record")


def test_a_harness_s_record_of_another_image_is_invalid_and_one_of_none_holds() -> None:
    assert verdict(OWN, of_harness(image=OTHER_IMAGE)).decision == "NO-GO"
    unbound = verdict(OWN, of_harness(image=None))
    assert unbound.decision == "HOLD"
    assert any("unbound" in reason for reason in unbound.reasons)


def test_an_aggregate_holds_the_bundle_as_it_holds_files() -> None:
    pair = tuple(
        a_record(None, side=side, image=image, headline=Headline(score=50.0, decimals=2, items=400))
        for side, image in (("r", None), ("t", IMAGE))
    )
    found = verdict(OWN, pair)
    assert found.decision == "HOLD"
    assert found.settle == ("quiz: the record of each item on both sides, as a harness keeps it",)


def test_a_harness_s_task_is_known_by_its_benchmark_s_names() -> None:
    assert verdict(OWN, of_harness(task="The Quiz")).decision == "GO"


def test_two_harnesses_make_no_verdict() -> None:
    reference, target = of_harness()
    other = Record(target.facts.model_copy(update={"harness": Harness(name="another")}), target.answers)
    with pytest.raises(RecipeError, match="wanted the scores of one harness"):
        verdict(OWN, (reference, other))


def test_scores_of_another_release_are_found_in_a_bundle_too() -> None:
    names = ("one", "two", "three")
    policy = a_policy(harness_tasks={name: a_task(benchmark=name) for name in names})
    table = Table(title="t", chip="other", model="m", rows=dict.fromkeys(names, (0.5, 0.5)))
    found = verdict(*(of_harness(task=name) for name in names), policy=policy, others=(table,))
    assert found.decision == "NO-GO"
    assert [finding.id for finding in found.findings] == ["copied-scores"]


def test_a_bundle_and_its_files_get_the_same_task_verdicts() -> None:
    reference, target = of_harness(lost=6)
    files = judged(reference, target)
    bundle = verdict((reference, target), policy=a_policy())
    assert bundle.tasks == files.tasks
    assert (bundle.decision, bundle.reasons) == (files.decision, files.reasons)


def test_a_record_in_the_place_of_an_own_task_has_to_say_which_items_were_drawn() -> None:
    before, after = both()
    facts: dict[str, Any] = {
        "task": "task",
        "metric": "acc_norm",
        "harness": Harness(name="flagrelease"),
        "dataset": DatasetFacts(),
    }
    pair = (a_record(answers(before), **facts), a_record(answers(after), side="t", image=IMAGE, **facts))
    found = verdict(pair, of_harness())
    assert found.decision == "NO-GO"
    assert "the policy draws 400 of 1200, seed 1, the reference has items of its own" in found.reasons[1]
