"""Tasks that are answered or judged several times say how much of the noise that is, and what would decide."""

from random import Random
from typing import Any

import pytest

from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.evalrun import Judge
from flagrelease.domain.verdict import TaskVerdict
from flagrelease.report.gate.fill import page_of
from flagrelease.report.gate.markdown import markdown
from tests.gate.records import a_policy, a_record, a_task, judged

POLICY = a_policy(
    harness_tasks={"quiz": a_task(items=200, metric="judge score", judge="a judge, three times", repeats=3)}
)


def scored(*, seed: int, by_item: float, by_repeat: float, repeats: int = 3) -> Answers:
    """200 items whose scores differ between the sides by item, and between repeats."""
    random, found = Random(seed), Answers()
    for item in range(200):
        own = 0.5 + random.choice((-by_item, by_item))
        for repeat in range(repeats):
            noise = random.choice((-by_repeat, by_repeat))
            found.add(f"q{item}", own + noise, repeat=repeat, document=f"d{item}", prompt=f"p{item}")
    return found


def task_with(policy: Any = POLICY, **noise: Any) -> TaskVerdict:
    return judged(*sides(**noise), policy=policy).tasks[0]


def sides(**noise: Any) -> tuple[Record, Record]:
    given: dict[str, Any] = {
        "metric": "judge score",
        "judge": Judge(model="a judge"),
        "repeats": noise.get("repeats", 3),
    }
    changes = {**given, "dataset": given_dataset()}
    return tuple(a_record(scored(seed=seed, **noise), side=side, **changes) for seed, side in ((1, "r"), (2, "t")))  # type: ignore[return-value]


def given_dataset() -> Any:
    from flagrelease.domain.evalrun import DatasetFacts  # noqa: PLC0415

    return DatasetFacts(id="a/quiz", items=200)


def test_noise_that_is_all_the_judges_asks_for_repeats() -> None:
    task = task_with(by_item=0.0, by_repeat=0.4)
    assert (task.decision, task.evidence, task.repeats) == ("INCONCLUSIVE", "graded", 3)
    assert task.repeats_share is not None
    assert task.repeats_share > 0.9
    assert task.repeats_needed is not None
    assert 5 < task.repeats_needed < 30
    assert "with 3 repeats of each item, " in task.reason


def test_noise_that_is_the_items_asks_for_items() -> None:
    found = judged(*sides(by_item=0.4, by_repeat=0.05), policy=POLICY)
    (task,) = found.tasks
    assert task.decision == "INCONCLUSIVE"
    assert task.repeats_share is not None
    assert task.repeats_share < 0.1
    assert task.repeats_needed is None
    assert task.items_needed
    assert "more repeats of each do not decide" in found.settle[0]


def test_what_would_settle_it_names_both_where_both_help() -> None:
    found = judged(*sides(by_item=0.0, by_repeat=0.4), policy=POLICY)
    (task,) = found.tasks
    assert found.settle == (
        f"quiz: about {task.items_needed:,} items, or {task.repeats_needed} repeats of each of its 200 on both sides",
    )
    assert f"{task.repeats_needed} repeats of each" in markdown(page_of(found))


def test_a_judge_who_decides_needs_no_repeats() -> None:
    task = task_with(by_item=0.0, by_repeat=0.05)
    assert (task.decision, task.repeats_needed) == ("PASS", None)
    assert task.repeats_share is not None


def test_one_run_says_nothing_of_repeats() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(items=200, metric="judge score", judge="a judge")})
    task = task_with(policy, by_item=0.0, by_repeat=0.4, repeats=1)
    assert (task.repeats, task.repeats_share, task.repeats_needed) == (None, None, None)


@pytest.mark.parametrize("repeats", [2, 5])
def test_the_share_is_that_of_the_smaller_number_of_repeats(repeats: int) -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(items=200, metric="judge score", judge="a judge")})
    assert task_with(policy, by_item=0.1, by_repeat=0.2, repeats=repeats).repeats == repeats
