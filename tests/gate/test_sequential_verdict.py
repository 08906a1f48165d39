"""A task is decided at planned looks over the first items of its order, and over no other choice of items."""

from typing import Any

import numpy as np
import pytest

from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.comparison import Comparison
from flagrelease.domain.evalrun import DatasetFacts
from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Stop, TaskVerdict
from flagrelease.gate.records.outcome import Subject
from flagrelease.gate.statistics.order import fixed_order
from flagrelease.report.gate.fill import page_of
from flagrelease.report.gate.markdown import markdown
from tests.gate.records import a_policy, a_record, a_task, answers, both, ids, judged

ITEMS = 400
NAMES = tuple(f"q{item}" for item in range(ITEMS))
ORDER = fixed_order(NAMES, seed=0, task="quiz")
POLICY = a_policy(sequential=True, harness_tasks={"quiz": a_task(margin_pt=4.5, flip_rate=0.05)})
DRAWS = 2000


def scores(*, lost: int = 0, gained: int = 0) -> tuple[list[float], list[float]]:
    """Both sides with so many flips, which come first in the order."""
    rank = {item: number for number, item in enumerate(ORDER)}
    before = [1.0 if rank[item] < lost or rank[item] >= lost + gained else 0.0 for item in NAMES]
    after = [0.0 if rank[item] < lost else 1.0 for item in NAMES]
    return before, after


def first(found: Answers, kept: Any) -> Answers:
    """The answers to some items alone."""
    part, rows = Answers(), [row for row, item in enumerate(found.ids) if item in set(kept)]
    for column in Answers.__slots__:
        if column != "struck":
            getattr(part, column).extend(getattr(found, column)[row] for row in rows)
    return part


def sides(before: list[float], after: list[float], kept: Any = NAMES, *, reference: Any = NAMES) -> list[Record]:
    whole = (first(answers(before), reference), first(answers(after), kept))
    return [a_record(one, side=side, dataset=DatasetFacts(id="a/quiz")) for one, side in zip(whole, "rt", strict=True)]


def told(*records: Record, policy: Policy = POLICY, **subject: Any) -> Comparison:
    return judged(records[0], records[1], policy=policy, subject=Subject(**subject))


def task_of(*records: Record, **given: Any) -> TaskVerdict:
    return told(*records, **given).tasks[0]


def stop_of(task: TaskVerdict) -> Stop:
    assert task.sequential is not None
    return task.sequential


def test_identical_answers_are_decided_before_all_items_are_in_and_the_report_says_after_how_many() -> None:
    found = told(*sides(*scores()))
    (task,) = found.tasks
    stop = stop_of(task)
    assert (found.decision, task.decision, stop.step) == ("GO", "PASS", "PASS")
    assert task.items == stop.looks[stop.look - 1] < ITEMS / 2
    assert stop.score >= stop.needed
    assert task.interval is not None
    assert task.interval[0] > -0.045
    assert f"decided at look {stop.look} of 10, {task.items} of 400 items" in task.reason
    assert f"decided at look {stop.look} of 10" in markdown(page_of(found))


def test_files_that_end_at_a_look_give_the_same_verdict_as_whole_ones() -> None:
    whole = task_of(*sides(*scores()))
    part = task_of(*sides(*scores(), ORDER[: whole.items]))
    assert part == whole


def test_a_look_that_does_not_decide_says_up_to_which_item_to_ask() -> None:
    found = told(*sides(*scores(), ORDER[:40]))
    (task,) = found.tasks
    stop = stop_of(task)
    assert (found.decision, task.decision, stop.step, stop.next_items) == ("HOLD", "INCONCLUSIVE", "GO-ON", 80)
    assert "open after look 1 of 10, 40 of 400 items" in task.reason
    assert task.reason.endswith("ask up to item 80 of the order")
    assert found.settle == ("quiz: the items up to 80 of the order, which `flagrelease gate order` prints",)


def test_a_broken_target_fails_at_an_early_look() -> None:
    found = told(*sides(*scores(lost=60), ORDER[:80]))
    (task,) = found.tasks
    assert (found.decision, task.decision) == ("NO-GO", "FAIL")
    assert task.items <= 80
    assert (task.lost, task.gained) == (task.items, 0) if task.items <= 60 else (60, 0)


def test_a_gain_that_cannot_be_is_an_anomaly() -> None:
    assert task_of(*sides(*scores(gained=60), ORDER[:80])).decision == "ANOMALY"


def test_what_is_hopeless_is_advised_to_stop_and_may_go_on() -> None:
    before, after = both(lost=30, gained=14, right=150)
    shuffle = np.random.default_rng(3).permutation(ITEMS)
    before, after = ([side[index] for index in shuffle] for side in (before, after))
    task = task_of(*sides(before, after, ORDER[:200]))
    assert (task.decision, stop_of(task).step) == ("INCONCLUSIVE", "FUTILE")
    assert "stop here undecided, or ask up to item 240" in task.reason


def test_the_last_look_that_does_not_decide_is_the_end() -> None:
    before, after = both(lost=30, gained=16, right=150)
    shuffle = np.random.default_rng(3).permutation(ITEMS)
    mixed = [[side[index] for index in shuffle] for side in (before, after)]
    task = task_of(*sides(mixed[0], mixed[1]))
    stop = stop_of(task)
    assert (task.decision, stop.step, stop.next_items, task.items) == ("INCONCLUSIVE", "END", None, ITEMS)


def test_a_pass_waits_while_a_guesser_would_do_as_well_on_so_few_items() -> None:
    rank = {item: number for number, item in enumerate(ORDER)}
    # A tenth of the first 120 items is right, and all of the later ones.
    side = [1.0 if rank[item] >= 120 or rank[item] % 10 == 0 else 0.0 for item in NAMES]
    policy = a_policy(sequential=True, harness_tasks={"quiz": a_task(margin_pt=4.5, flip_rate=0.05, chance=0.25)})
    blind = a_policy(sequential=True, harness_tasks={"quiz": a_task(margin_pt=4.5, flip_rate=0.05)})
    waiting, at_once = (task_of(*sides(side, side), policy=one) for one in (policy, blind))
    assert at_once.items <= 120 < waiting.items
    assert (waiting.decision, at_once.decision) == ("PASS", "PASS")


CHOSEN = {
    "the last ones": ORDER[200:],
    "all but one of the first": (*ORDER[:10], *ORDER[15:80]),
    "every other one": ORDER[:160:2],
    "too few for a look": ORDER[:20],
    "none of the task": tuple(f"z{item}" for item in range(80)),
}


@pytest.mark.parametrize("kept", CHOSEN.values(), ids=CHOSEN)
def test_a_choice_of_items_that_is_not_the_beginning_of_the_order_is_invalid(kept: tuple[str, ...]) -> None:
    before, after = (dict(zip(NAMES, side, strict=True)) for side in scores())
    target = Answers()
    for item in kept:
        target.add(item, after.get(item, 1.0), document=f"document {item[1:]}", prompt=f"prompt {item[1:]}")
    found = told(
        a_record(answers(list(before.values())), dataset=DatasetFacts()),
        a_record(target, side="t", dataset=DatasetFacts()),
    )
    (task,) = found.tasks
    assert (found.decision, task.decision) == ("NO-GO", "INVALID")
    assert "not-the-order" in ids(task)


def test_what_a_harness_dropped_within_the_limit_is_wrong_and_no_choice() -> None:
    kept = [item for item in ORDER[:240] if item != ORDER[7]]
    task = task_of(*sides(*scores(), kept))
    assert (task.decision, task.lost) == ("PASS", 1)
    assert "counted-as-wrong" in ids(task)


def test_files_that_end_at_a_look_on_both_sides_want_to_know_all_items() -> None:
    short = sides(*scores(), ORDER[:160], reference=ORDER[:160])
    unknown, known = task_of(*short), task_of(*short, orders={"quiz": ORDER})
    assert (unknown.decision, known.decision) == ("INVALID", "PASS")
    assert "order-unknown" in ids(unknown)
    assert "the reference's files 160 and the target's 160" in unknown.reason
    assert task_of(*short, orders={"quiz": ORDER[:399]}).decision == "INVALID"


def test_without_looks_a_part_of_the_items_is_many_answers_missing() -> None:
    plain = POLICY.model_copy(update={"sequential": False})
    task = task_of(*sides(*scores(), ORDER[:160]), policy=plain)
    assert (task.decision, task.sequential) == ("INVALID", None)
    assert "too-many-rejects" in ids(task)
    assert task_of(*sides(*scores(), ORDER[:160]), policy=plain, sequential=True).decision == "PASS"


def test_an_item_that_was_changed_after_the_look_that_decides_does_not_count() -> None:
    after = answers(scores()[1], document={int(ORDER[-1][1:]): "changed"})
    target = a_record(after, side="t", dataset=DatasetFacts(id="a/quiz"))
    assert task_of(sides(*scores())[0], target).decision == "PASS"
    early = answers(scores()[1], document={int(ORDER[0][1:]): "changed"})
    target = a_record(early, side="t", dataset=DatasetFacts(id="a/quiz"))
    assert task_of(sides(*scores())[0], target).decision == "INVALID"


def test_a_headline_is_held_against_all_answers_of_its_file() -> None:
    reference, target = sides(*scores(), ORDER[:160])
    assert target.facts.headline is not None
    moved = target.facts.headline.model_copy(update={"score": 90.0})
    forged = Record(target.facts.model_copy(update={"headline": moved}), target.answers)
    assert "headline-differs" in ids(task_of(reference, forged))


def test_graded_answers_are_decided_over_all_items() -> None:
    before = answers([0.5] * ITEMS)
    records = [a_record(before), a_record(answers([0.5] * ITEMS), side="t")]
    task = task_of(*records)
    assert (task.decision, task.evidence, task.sequential, task.items) == ("PASS", "graded", None, ITEMS)


def test_each_task_has_its_part_of_the_levels() -> None:
    names = ("one", "two")
    policy = a_policy(sequential=True, harness_tasks={name: a_task(benchmark=name, margin_pt=4.5) for name in names})
    records = [
        [a_record(answers(side), side=letter, task=name) for name in names]
        for letter, side in zip("rt", scores(lost=3), strict=True)
    ]
    found = judged(*records, policy=policy)
    for task in found.tasks:
        assert task.p_damage is not None
        assert task.p_damage_adjusted == pytest.approx(min(1.0, task.p_damage * 2 * 10))
    assert found.suite is not None
    assert (found.suite.p_pooled, found.suite.p_max_drop) == (1.0, 1.0)


def simulated(*, difference: float, seed: int) -> tuple[float, float, float]:
    """Shares of passes and of failures, and of items used, of 2,000 bundles of one task: 198 items, 10 % flips."""
    items, flips = 198, 0.1
    policy = a_policy(sequential=True, harness_tasks={"quiz": a_task(items=items, margin_pt=5.0, flip_rate=flips)})
    rng, ends, used = np.random.default_rng(seed), {"GO": 0, "HOLD": 0, "NO-GO": 0}, 0
    chances = [(flips - difference) / 2, (flips + difference) / 2, (1 - flips) / 2, (1 - flips) / 2]
    for kinds in rng.choice(4, p=chances, size=(DRAWS, items)):
        before, after = ((kinds % 2 == 0).astype(float), np.isin(kinds, (1, 2)).astype(float))
        pair = [
            a_record(answers(side.tolist()), side=letter, dataset=DatasetFacts(id="a/quiz"))
            for letter, side in zip("rt", (before, after), strict=True)
        ]
        found = judged(*pair, policy=policy)
        ends[found.decision] += 1
        used += found.tasks[0].items
    return ends["GO"] / DRAWS, ends["NO-GO"] / DRAWS, used / DRAWS / items


@pytest.mark.slow
def test_a_system_that_is_worse_by_the_margin_is_go_in_at_most_one_of_twenty_bundles() -> None:
    passes, _, _ = simulated(difference=-0.05, seed=6)
    assert passes <= 0.05 + 4 * (0.05 * 0.95 / DRAWS) ** 0.5


@pytest.mark.slow
def test_identical_systems_are_no_go_in_at_most_one_of_a_hundred_bundles() -> None:
    _, fails, used = simulated(difference=0.0, seed=7)
    assert fails <= 0.01
    assert used < 1
