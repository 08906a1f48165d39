"""Each verdict of a task and of a bundle is reached, and only for its reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Policy, Task, Tier
from flagrelease.domain.verdict import TaskVerdict, Verdict
from tests.gate.builders import AVAILABLE, IMAGE, OTHER_IMAGE, POLICY_SHA256, a_policy, a_task, both_sides, decided

Flips = tuple[int, int]
SAME: Flips = (4, 4)
BROKEN: Flips = (60, 4)
UNCLEAR: Flips = (20, 12)


def judged(policy: Policy, *sides: tuple[EvalRun, EvalRun]) -> Verdict:
    return decided(policy, [before for before, _ in sides], [after for _, after in sides])


def judged_task(flips: Flips, *, task: Task | None = None, both_right: int = 120) -> TaskVerdict:
    of = task or a_task()
    sides = both_sides(lost=flips[0], gained=flips[1], task=of, both_right=both_right)
    return judged(a_policy(task=of), sides).tasks[0]


def interval(task: TaskVerdict) -> tuple[float, float]:
    assert task.interval is not None
    return task.interval


def p_damage(task: TaskVerdict) -> float:
    """Adjusted over the tasks."""
    assert task.p_damage_adjusted is not None
    return task.p_damage_adjusted


def judged_tiers(**flips: tuple[Tier, Flips]) -> Verdict:
    tasks = {name: a_task(tier=tier) for name, (tier, _) in flips.items()}
    sides = [
        both_sides(lost=lost, gained=gained, name=name, task=tasks[name]) for name, (_, (lost, gained)) in flips.items()
    ]
    return judged(a_policy(**tasks), *sides)


def test_equal_answers_pass() -> None:
    verdict = judged(a_policy(), both_sides(lost=0, gained=0))
    task = verdict.tasks[0]
    assert verdict.decision == "GO"
    assert task.decision == "PASS"
    assert task.difference == 0
    assert interval(task)[0] > -0.03
    assert task.items_needed is None
    assert verdict.reasons == (
        "GO: 1 of 1 critical tasks passed",
        (
            "task (critical): PASS: 30.00 points against 30.00 of the reference over 400 items, difference +0.00 "
            "[-0.67, +0.67] at 90 %, 0 lost and 0 gained; the lower bound is above -3.00"
        ),
    )


def test_a_task_verdict_carries_its_figures() -> None:
    task = judged_task((6, 4))
    assert task.task == "task"
    assert (task.lost, task.gained, task.items, task.items_available) == (6, 4, 400, 1200)
    assert task.reference_score == 126 / 400
    assert task.target_score == 124 / 400
    assert task.difference == -2 / 400
    assert task.margin == 0.03
    assert task.confidence == pytest.approx(0.9)
    assert task.scale == 100
    assert task.p_damage == pytest.approx(0.376953125)
    assert (task.p_above_chance or 1) < 1e-5


def test_a_real_loss_within_the_margin_passes_with_a_warning() -> None:
    task = judged_task((6, 0))
    assert task.decision == "PASS_WARN"
    assert p_damage(task) < 0.05


def test_a_real_loss_below_the_least_effect_passes() -> None:
    of = a_task(count=4000, available=5000)
    task = judged_task((25, 8), task=of, both_right=1500)
    assert p_damage(task) < 0.05
    assert task.difference == -17 / 4000
    assert task.decision == "PASS"


def test_a_loss_beyond_the_margin_fails_by_its_interval() -> None:
    task = judged_task(BROKEN)
    assert interval(task)[1] < -0.03
    assert task.decision == "FAIL"


def test_a_loss_beyond_the_margin_fails_only_where_identical_systems_show_it_once_in_two_hundred_bundles() -> None:
    doubtful, clear = judged_task((26, 10)), judged_task((30, 10))
    for task in (doubtful, clear):
        assert interval(task)[1] > -0.03
        assert (task.difference or 0) < -0.03
    assert 0.005 < p_damage(doubtful) < 0.05
    assert doubtful.decision == "INCONCLUSIVE"
    assert p_damage(clear) <= 0.005
    assert clear.decision == "FAIL"


def test_a_gain_beyond_the_margin_is_an_anomaly_and_no_go() -> None:
    verdict = judged(a_policy(), both_sides(lost=4, gained=60))
    assert verdict.tasks[0].decision == "ANOMALY"
    assert verdict.decision == "NO-GO"
    assert "the reference is in doubt" in verdict.reasons[1]


def test_a_gain_is_an_anomaly_only_when_its_lower_bound_is_beyond_the_margin() -> None:
    within, beyond = judged_task((4, 24)), judged_task((4, 28))
    assert interval(within)[0] < 0.03 < (within.difference or 0)
    assert 0.03 < interval(beyond)[0] < 0.06
    assert (within.decision, beyond.decision) == ("PASS", "ANOMALY")


def test_a_loss_clearly_beyond_a_narrow_margin_does_not_fail_while_chance_over_many_tasks_explains_it() -> None:
    tasks = {"a": a_task(margin_pt=0.1), "b": a_task(), "c": a_task(), "d": a_task()}
    sides = [
        both_sides(lost=9 if name == "a" else 0, gained=2 if name == "a" else 0, name=name, task=task)
        for name, task in tasks.items()
    ]
    task = judged(a_policy(**tasks), *sides).tasks[0]
    assert p_damage(task) > 0.05
    assert interval(task)[1] < -0.001
    assert task.decision == "INCONCLUSIVE"


def test_an_invalid_task_does_not_count_among_the_tests_for_damage() -> None:
    policy = a_policy(a=a_task(), b=a_task())
    reference, target = both_sides(lost=0, gained=0, name="b")
    broken = target.model_copy(update={"image": OTHER_IMAGE})
    good, invalid = judged(policy, both_sides(lost=6, gained=0, name="a"), (reference, broken)).tasks
    assert good.p_damage_adjusted == good.p_damage
    assert (invalid.decision, invalid.p_damage_adjusted) == ("INVALID", None)


def test_an_interval_that_reaches_over_the_margin_does_not_decide_and_says_how_many_items_would() -> None:
    verdict = judged(a_policy(), both_sides(lost=28, gained=28))
    assert verdict.tasks[0].decision == "INCONCLUSIVE"
    assert verdict.tasks[0].items_needed == 962
    assert verdict.decision == "HOLD"
    assert verdict.reasons == (
        "HOLD: the evidence does not decide; 0 of 1 critical tasks passed",
        (
            "task (critical): INCONCLUSIVE: 37.00 points against 37.00 of the reference over 400 items, difference "
            "+0.00 [-3.13, +3.13] at 90 %, 28 lost and 28 gained; the interval reaches past -3.00; about 962 items "
            "are needed, 1,200 are available"
        ),
    )


def test_few_items_never_pass_by_showing_no_significant_difference() -> None:
    of = a_task(count=50)
    task = judged_task((2, 1), task=of, both_right=30)
    assert p_damage(task) > 0.4
    assert task.decision == "INCONCLUSIVE"


@given(st.integers(20, 600), st.data())
def test_what_does_not_decide_asks_for_more_items_than_there_were(count: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, count // 4))
    gained = data.draw(st.integers(0, count // 4))
    task = judged_task((lost, gained), task=a_task(count=count), both_right=count // 2)
    if task.decision == "INCONCLUSIVE" and task.items_needed is not None:
        assert task.items_needed > count


def test_a_task_at_chance_shows_nothing() -> None:
    verdict = judged(a_policy(), both_sides(lost=0, gained=0, both_right=82))
    assert verdict.tasks[0].decision == "INCONCLUSIVE"
    assert verdict.tasks[0].items_needed is None
    assert (verdict.tasks[0].p_above_chance or 0) > 0.05
    assert verdict.decision == "HOLD"
    assert "a guesser scores 20.00" in verdict.reasons[1]


def test_a_task_at_chance_with_too_few_items_says_both() -> None:
    verdict = judged(a_policy(), both_sides(lost=30, gained=30, both_right=52))
    (task,) = verdict.tasks
    assert task.decision == "INCONCLUSIVE"
    assert "a guesser scores 20.00" in verdict.reasons[1]
    assert verdict.reasons[1].endswith(f"; about {task.items_needed:,} items are needed, {AVAILABLE:,} are available")


def test_a_task_at_chance_with_enough_items_asks_for_no_more() -> None:
    verdict = judged(a_policy(), both_sides(lost=0, gained=0, both_right=82))
    assert "items are needed" not in verdict.reasons[1]
    assert "interval" not in verdict.reasons[1]


def test_a_target_that_fell_to_chance_still_fails() -> None:
    task = judged_task((100, 2), both_right=80)
    assert any(finding.id == "at-chance" for finding in task.findings)
    assert task.decision == "FAIL"


def test_evidence_of_another_image_is_invalid_and_no_go() -> None:
    reference, target = both_sides(lost=0, gained=0)
    verdict = judged(a_policy(), (reference, target.model_copy(update={"image": OTHER_IMAGE})))
    assert verdict.tasks[0].decision == "INVALID"
    assert verdict.decision == "NO-GO"


def test_items_that_the_target_crashed_on_are_wrong_answers() -> None:
    reference, target = both_sides(lost=0, gained=0)
    kept = target.items[2:]
    shorter = target.model_copy(update={"items": kept, "score": 118 / 400})
    task = judged(a_policy(), (reference, shorter)).tasks[0]
    assert (task.items, task.lost, task.gained) == (400, 2, 0)
    assert task.target_score == 118 / 400
    assert task.decision == "INVALID"


def test_rejected_items_within_the_limit_are_wrong_answers() -> None:
    reference, target = both_sides(lost=0, gained=0)
    rejected = [item.model_copy(update={"status": "rejected", "score": 0.0}) for item in target.items[:2]]
    worse = target.model_copy(update={"items": (*rejected, *target.items[2:]), "score": 118 / 400})
    task = judged(a_policy(), (reference, worse)).tasks[0]
    assert (task.lost, task.gained) == (2, 0)
    assert task.decision == "PASS"


def test_two_records_of_one_task_are_invalid() -> None:
    reference, target = both_sides(lost=0, gained=0)
    verdict = decided(a_policy(), [reference], [target, target])
    assert verdict.tasks[0].decision == "INVALID"
    assert "2 records of the task" in verdict.reasons[1]


@pytest.mark.parametrize("tier", ["critical", "supporting", "advisory"])
@pytest.mark.parametrize(
    ("kept", "side"), [({"reference"}, "target"), ({"target"}, "reference"), (set(), "reference and the target")]
)
def test_a_task_without_a_record_is_no_go_whatever_its_tier(tier: Tier, kept: set[str], side: str) -> None:
    policy = a_policy(task=a_task(), other=a_task(tier=tier))
    reference, target = both_sides(lost=0, gained=0)
    lone_reference, lone_target = both_sides(lost=0, gained=0, name="other")
    verdict = decided(
        policy,
        [reference, *([lone_reference] if "reference" in kept else [])],
        [target, *([lone_target] if "target" in kept else [])],
    )
    assert verdict.decision == "NO-GO"
    assert (
        verdict.reasons[1]
        == f"other: the policy asks for it with metric `acc_norm` and there is no record of the {side}"
    )
    assert [task.task for task in verdict.tasks] == ["task"]


def test_a_policy_without_a_critical_task_is_no_go() -> None:
    verdict = judged_tiers(a=("supporting", SAME), b=("advisory", SAME))
    assert verdict.decision == "NO-GO"
    assert verdict.reasons[1] == "the policy has no critical task, so nothing could speak for the target"


def test_records_of_tasks_that_nobody_asked_for_are_told_and_not_used() -> None:
    verdict = judged(a_policy(), both_sides(lost=0, gained=0), both_sides(lost=90, gained=0, name="other"))
    assert verdict.decision == "GO"
    assert verdict.reasons[-1] == "other: the policy does not ask for it, its records are not used"


@pytest.mark.parametrize(
    ("a", "b", "c", "decision"),
    [
        (("critical", SAME), ("critical", SAME), ("critical", SAME), "GO"),
        (("critical", SAME), ("critical", BROKEN), ("critical", SAME), "NO-GO"),
        (("critical", SAME), ("critical", UNCLEAR), ("critical", SAME), "HOLD"),
        (("critical", BROKEN), ("critical", UNCLEAR), ("critical", SAME), "NO-GO"),
        (("critical", SAME), ("supporting", BROKEN), ("supporting", SAME), "HOLD"),
        (("critical", SAME), ("supporting", BROKEN), ("supporting", BROKEN), "NO-GO"),
        (("critical", SAME), ("supporting", (4, 60)), ("supporting", SAME), "HOLD"),
        (("critical", SAME), ("supporting", UNCLEAR), ("supporting", UNCLEAR), "GO"),
        (("critical", SAME), ("advisory", BROKEN), ("advisory", BROKEN), "GO"),
        (("critical", UNCLEAR), ("supporting", BROKEN), ("advisory", BROKEN), "HOLD"),
        (("critical", (6, 0)), ("advisory", SAME), ("advisory", SAME), "GO"),
    ],
)
def test_tiers_decide_for_the_bundle(
    a: tuple[Tier, Flips], b: tuple[Tier, Flips], c: tuple[Tier, Flips], decision: str
) -> None:
    assert judged_tiers(a=a, b=b, c=c).decision == decision


def test_the_search_for_damage_is_corrected_for_the_number_of_tasks() -> None:
    alone = judged_task((6, 0))
    among = judged_tiers(a=("critical", (6, 0)), b=("critical", SAME), c=("critical", SAME), d=("advisory", SAME),
                         e=("critical", SAME)).tasks[0]  # fmt: skip
    assert among.p_damage == alone.p_damage
    assert among.p_damage_adjusted == pytest.approx(5 / 64)
    assert (alone.decision, among.decision) == ("PASS_WARN", "PASS")


def test_the_verdict_names_the_image_and_the_policy() -> None:
    verdict = judged(a_policy(), both_sides(lost=0, gained=0))
    assert (verdict.image, verdict.policy_sha256) == (IMAGE, POLICY_SHA256)


def test_every_task_is_told_once() -> None:
    verdict = judged_tiers(
        a=("critical", BROKEN), b=("critical", UNCLEAR), c=("supporting", BROKEN), d=("advisory", SAME)
    )
    assert sorted(reason.split(" ")[0] for reason in verdict.reasons[1:]) == ["a", "b", "c", "d", "suite:"]
