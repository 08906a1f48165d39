"""All tasks together can keep a bundle from being GO, and can neither stop it nor let it through."""

from typing import Any

import numpy as np
import pytest

from flagrelease.domain.answers import Record
from flagrelease.domain.comparison import Comparison
from flagrelease.domain.evalrun import DatasetFacts, Headline
from flagrelease.domain.gate import Policy, SuiteClaim
from flagrelease.domain.verdict import SuiteVerdict
from flagrelease.report.gate.fill import page_of
from tests.gate.records import a_policy, a_record, a_task, answers, both, judged

DRAWS = 2000
ITEMS = 400
NAMES = tuple(f"task-{number}" for number in range(8))


def of_tasks(*names: str, **changes: Any) -> Policy:
    return a_policy(harness_tasks={name: a_task(benchmark=name) for name in names}, **changes)


def told(flips: dict[str, tuple[int, int]], policy: Policy, *, items: int = ITEMS) -> Comparison:
    """The verdict on tasks with so many lost and gained."""
    dataset = DatasetFacts(id="a/quiz", items=items)
    sides: tuple[list[Record], list[Record]] = ([], [])
    for name, (lost, gained) in flips.items():
        for side, letter, scores in zip(
            sides, "rt", both(lost=lost, gained=gained, items=items, right=items // 2), strict=True
        ):
            side.append(a_record(answers(scores), side=letter, task=name, dataset=dataset))
    return judged(*sides, policy=policy)


def suite_of(found: Comparison) -> SuiteVerdict:
    assert found.suite is not None
    return found.suite


def test_damage_that_no_task_shows_holds_the_bundle_and_says_by_which_aggregate() -> None:
    flips = dict.fromkeys(NAMES, (9, 4))
    found = told(flips, of_tasks(*NAMES))
    assert {task.decision for task in found.tasks} == {"PASS"}
    assert found.decision == "HOLD"
    assert found.reasons[1].startswith("suite: over 8 tasks the mean difference is -1.25, at least -1.8")
    assert "damage that no single task need show: pooled p 5" in found.reasons[1]
    (reason,) = page_of(found).reasons
    assert reason.text == found.reasons[1]


def test_a_suite_without_damage_is_told_and_holds_nothing() -> None:
    found = told(dict.fromkeys(NAMES, (8, 8)), of_tasks(*NAMES))
    assert found.decision == "GO"
    assert found.reasons[-1].startswith("suite: over 8 tasks the mean difference is +0.00, at least -0.6")
    assert (suite_of(found).is_shown, suite_of(found).is_damaged) == (None, False)
    page = page_of(found)
    assert (page.reasons, page.asides, page.suite) == ((), [], found.reasons[-1])


def test_the_mean_has_to_be_shown_within_what_the_policy_allows() -> None:
    flips = dict.fromkeys(NAMES, (3, 2))
    strict, mild = (told(flips, of_tasks(*NAMES, suite=SuiteClaim(margin_pt=margin))) for margin in (0.4, 1.5))
    assert (strict.decision, mild.decision) == ("HOLD", "GO")
    assert "not shown to be within the 0.40 that the policy allows" in strict.reasons[1]
    assert (suite_of(strict).is_shown, suite_of(mild).is_shown) == (False, True)


def test_a_suite_never_lets_a_failed_task_through_nor_makes_no_go_by_itself() -> None:
    failed = told({**dict.fromkeys(NAMES, (2, 2)), NAMES[0]: (60, 4)}, of_tasks(*NAMES, suite=SuiteClaim()))
    assert failed.decision == "NO-GO"
    assert told(dict.fromkeys(NAMES, (15, 5)), of_tasks(*NAMES)).decision == "HOLD"


def test_one_task_alone_is_no_suite_unless_the_policy_makes_a_claim_of_it() -> None:
    flips = {"task-0": (6, 0)}
    assert told(flips, of_tasks("task-0")).suite is None
    found = suite_of(told(flips, of_tasks("task-0", suite=SuiteClaim(margin_pt=3.0))))
    assert (found.tasks, found.p_damage, found.is_shown) == (1, None, True)
    assert found.reason.startswith("suite: over 1 task the mean")


def test_what_cannot_decide_is_not_in_the_suite() -> None:
    tasks = {"task-0": a_task(benchmark="task-0"), "task-1": a_task(benchmark="task-1", tier="advisory")}
    policy = a_policy(harness_tasks=tasks, suite=SuiteClaim())
    assert suite_of(told({"task-0": (0, 0), "task-1": (90, 0)}, policy)).tasks == 1


def test_a_suite_with_an_aggregate_has_the_wider_margin_and_is_held() -> None:
    policy = of_tasks("task-0", "task-1", suite=SuiteClaim())
    sides = []
    for side in "rt":
        whole = a_record(answers(both()[0]), side=side, task="task-0")
        stated = a_record(None, side=side, task="task-1", headline=Headline(score=50.0, decimals=2, items=ITEMS))
        sides.append([whole, stated])
    found = judged(*sides, policy=policy)
    assert found.decision == "HOLD"
    assert (suite_of(found).evidence, suite_of(found).margin) == ("aggregate", 0.02)


def test_graded_tasks_count_in_the_mean_and_in_fishers_aggregate() -> None:
    names = ("task-0", "task-1")
    sides = [
        [a_record(answers([score] * ITEMS), side=side, task=name) for name in names]
        for side, score in (("r", 0.5), ("t", 0.49))
    ]
    found = suite_of(judged(*sides, policy=of_tasks(*names)))
    assert found.difference == pytest.approx(-0.01)
    assert found.p_pooled == 1.0
    assert found.is_damaged


@pytest.mark.slow
def test_identical_systems_are_held_by_the_suite_once_in_two_hundred_bundles_and_never_stopped_more_often() -> None:
    """Through the public door: 2,000 bundles of three tasks, 20 % flips."""
    rng, names, items = np.random.default_rng(4), NAMES[:3], 120
    policy = a_policy(harness_tasks={name: a_task(benchmark=name, items=items) for name in names})
    held = stopped = 0
    for _ in range(DRAWS):
        losses = rng.multinomial(items, [0.1, 0.1, 0.8], size=3).tolist()
        found = told({name: (b, c) for name, (b, c, _) in zip(names, losses, strict=True)}, policy, items=items)
        held += suite_of(found).is_damaged
        stopped += found.decision == "NO-GO"
    assert held / DRAWS <= 0.005 + 4 * (0.005 / DRAWS) ** 0.5
    assert stopped / DRAWS <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "flips"), [(1, 0.05), (3, 0.03), (8, 0.1)])
def test_a_suite_that_is_worse_by_its_margin_is_shown_to_be_within_it_once_in_twenty(tasks: int, flips: float) -> None:
    from flagrelease.gate.statistics.paired_binary import tango_interval  # noqa: PLC0415
    from flagrelease.gate.statistics.suite import suite_mean  # noqa: PLC0415

    rng, margin, shown = np.random.default_rng(5), 0.015, 0
    chances = [(flips + margin) / 2, (flips - margin) / 2, 1 - flips]
    for _ in range(2 * DRAWS):
        draws = rng.multinomial(900, chances, size=tasks).tolist()
        lows = [tango_interval(lost=b, gained=c, items=900, confidence=0.9)[0] for b, c, _ in draws]
        shown += suite_mean([(c - b) / 900 for b, c, _ in draws], lows).low > -margin
    assert shown / (2 * DRAWS) <= 0.05 + 4 * (0.05 * 0.95 / (2 * DRAWS)) ** 0.5
