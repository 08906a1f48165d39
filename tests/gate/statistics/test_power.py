"""Chances of decisions: counted against the rule itself, and what a whole policy makes of them."""

from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial  # type: ignore[import-untyped]

from flagrelease.gate.statistics.exact_margin import passing_z
from flagrelease.gate.statistics.judged import JudgeNoise, repeats_needed
from flagrelease.gate.statistics.margins import margin_for
from flagrelease.gate.statistics.paired_binary import mcnemar_exact, tango_interval, tango_score
from flagrelease.gate.statistics.policy_power import PlannedTask, consumer_risk, curve, policy_chances
from flagrelease.gate.statistics.power import Setting, task_chances
from flagrelease.gate.statistics.rule import Levels, Limits, Measured, judge
from flagrelease.gate.statistics.sample_size import (
    items_for_aggregates,
    items_for_margin,
    items_for_variance,
    items_that_decide,
    repeats_for_margin,
)

LOOSE = Levels(failing=0.1, anomaly=0.1, warning=0.2)
MINICPM = tuple(
    PlannedTask(name=name, items=items, margin=points / 100, flip_rate=0.1, tier="critical")
    for name, items, points in (
        ("mmmu", 900, 3.5), ("math_vision", 3040, 2.0), ("ocrbench", 1000, 3.5), ("blink", 1901, 3.0),
        ("mmmu_pro_vision", 1730, 3.0), ("mmmu_pro_standard", 1730, 3.0), ("cmmmu", 900, 3.5), ("cii", 765, 5.0),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("flips", "difference", "tasks"), [(0.3, 0.0, 1), (0.3, -0.2, 1), (0.3, 0.25, 1), (0.5, -0.15, 4), (0.2, 0.05, 2)]
)
def test_the_chances_of_a_task_are_those_of_every_outcome_under_the_rule(
    flips: float, difference: float, tasks: int
) -> None:
    items, limits = 60, Limits(margin=0.1, levels=LOOSE)
    z = passing_z(items=items, margin=0.1, alpha=0.05)
    found = dict.fromkeys(("PASS", "PASS_WARN", "FAIL", "ANOMALY", "INCONCLUSIVE"), 0.0)
    for lost, gained in product(range(items + 1), repeat=2):
        if lost + gained > items:
            continue
        exact = mcnemar_exact(lost=lost, gained=gained)
        reached = tango_score(lost=lost, gained=gained, items=items, difference=-0.1) >= z
        decision = judge(
            Measured(
                difference=(gained - lost) / items,
                interval=tango_interval(lost=lost, gained=gained, items=items, confidence=0.9),
                p_margin=0.04 if reached else 0.06,
                p_damage=min(1.0, tasks * exact.p_damage),
                p_gain=min(1.0, tasks * exact.p_gain),
            ),
            limits,
        )
        rates = [(flips - difference) / 2, (flips + difference) / 2, 1 - flips]
        found[decision] += multinomial.pmf([lost, gained, items - lost - gained], items, rates)
    chances = task_chances(Setting(items=items, limits=limits, flip_rate=flips, difference=difference, tasks=tasks))
    assert chances.passes == pytest.approx(found["PASS"] + found["PASS_WARN"], abs=1e-9)
    assert chances.warns == pytest.approx(found["PASS_WARN"], abs=1e-9)
    assert chances.fails == pytest.approx(found["FAIL"], abs=1e-9)
    assert chances.anomaly == pytest.approx(found["ANOMALY"], abs=1e-9)
    assert chances.inconclusive == pytest.approx(found["INCONCLUSIVE"], abs=1e-9)


def test_the_published_operating_points_are_met() -> None:
    # Share that passes at 0, −1, −2, −3 points with margin 3 and 7 % flips, from simulations of others' rules.
    for items, expected in ((900, (0.95, 0.70, 0.28, 0.05)), (1730, (1.0, 0.93, 0.45, 0.04))):
        for drop, share in zip((0.0, 0.01, 0.02, 0.03), expected, strict=True):
            setting = Setting(items=items, limits=Limits(margin=0.03), flip_rate=0.07, difference=-drop)
            assert task_chances(setting).passes == pytest.approx(share, abs=0.03)


def test_repeats_take_the_noise_away() -> None:
    once, often = (
        task_chances(Setting(items=198, limits=Limits(margin=0.05), flip_rate=0.25, repeats=k)) for k in (1, 4)
    )
    assert once.passes < 0.45
    assert often.passes > 0.8


@pytest.mark.parametrize(("flips", "difference"), [(0.1, 0.0), (0.1, -0.02), (0.15, -0.05), (0.1, 0.05)])
def test_the_normal_approximation_of_repeats_is_near_the_count_where_both_apply(
    flips: float, difference: float
) -> None:
    counted = task_chances(Setting(items=1800, limits=Limits(margin=0.03), flip_rate=flips, difference=difference))
    near = task_chances(
        Setting(items=900, limits=Limits(margin=0.03), flip_rate=flips, difference=difference, repeats=2)
    )
    for one, other in (
        (counted.passes, near.passes), (counted.fails, near.fails), (counted.anomaly, near.anomaly),
        (counted.warns, near.warns),
    ):  # fmt: skip
        assert one == pytest.approx(other, abs=0.03)


def test_an_identical_chip_passes_the_policy_and_a_bad_one_does_not() -> None:
    points = curve(MINICPM)
    assert [point.difference for point in points] == [0, -0.01, -0.02, -0.03, -0.05, -0.10]
    assert points[0].go > 0.8
    assert points[0].no_go <= 0.01
    assert [a.go > b.go for a, b in pairwise(points)][:4] == [True] * 4
    assert points[3].go < 1e-4
    assert points[4].no_go > 0.99
    for point in points:
        assert point.go + point.hold + point.no_go == pytest.approx(1)


def test_a_chip_that_lost_the_margin_in_one_task_gets_go_at_most_once_in_twenty() -> None:
    risk = consumer_risk(MINICPM)
    assert risk.go <= risk.passes <= 0.05


@pytest.mark.parametrize("flip_rate", [0.02, 0.05, 0.10, 0.25])
@pytest.mark.parametrize("count", [1, 8, 20])
def test_identical_bundles_of_any_size_are_no_go_at_most_once_in_a_hundred(flip_rate: float, count: int) -> None:
    tasks = [PlannedTask(name=str(k), items=198, margin=0.01, flip_rate=flip_rate) for k in range(count)]
    assert policy_chances(tasks).no_go <= 0.01


def test_one_bad_supporting_task_holds_and_two_stop() -> None:
    bad = PlannedTask(name="s", items=2000, margin=0.01, flip_rate=0.1, tier="supporting")
    fine = PlannedTask(name="c", items=5000, margin=0.05, flip_rate=0.01)
    one, two = (policy_chances([replace(fine, margin=0.2), *[bad] * k], difference=-0.1) for k in (1, 2))
    assert one.hold > 0.99
    assert two.no_go > 0.99


def test_advisory_tasks_change_nothing() -> None:
    idle = PlannedTask(name="a", items=100, margin=0.01, flip_rate=0.3, tier="advisory")
    with_it, without = policy_chances([*MINICPM, idle], difference=-0.02), policy_chances(MINICPM, difference=-0.02)
    assert (with_it.go, with_it.no_go) == (without.go, without.no_go)


def test_a_policy_without_a_critical_task_is_no_go() -> None:
    tasks = [replace(MINICPM[0], tier="supporting")]
    assert policy_chances(tasks).no_go == 1
    with pytest.raises(ValueError, match="at least one critical task"):
        consumer_risk(tasks)


def test_the_margin_of_a_number_of_items_is_in_the_table() -> None:
    table = {198: None, 400: 5.0, 517: 4.5, 600: 4.0, 765: 3.5, 900: 3.5, 1000: 3.0, 1730: 2.5, 3040: 2.0, 5000: 1.5}
    found = {items: margin_for(items=items) for items in table}
    assert {n: None if m is None else round(100 * m, 2) for n, m in found.items()} == table


@pytest.mark.parametrize("items", [450, 765, 1500, 2700])
def test_the_margin_passes_an_identical_chip_and_half_a_point_less_does_not(items: int) -> None:
    margin = margin_for(items=items)
    assert margin is not None
    passes = [
        task_chances(Setting(items=items, limits=Limits(margin=m), flip_rate=0.1)).passes
        for m in (margin - 0.005, margin)
    ]
    assert passes[0] < 0.9 <= passes[1]


def test_a_small_task_gets_a_margin_by_repeats() -> None:
    assert margin_for(items=198, flip_rate=0.25) is None
    assert margin_for(items=198, flip_rate=0.25, repeats=8) == 0.04


def test_the_repeats_for_a_margin_are_the_known_ones() -> None:
    # AIME's 30 questions need 17 answers each side for 5 points, GPQA-diamond's 198 need 4.
    assert repeats_for_margin(items=30, flip_rate=0.20, margin=0.05, alpha=0.05) == 17
    assert repeats_for_margin(items=198, flip_rate=0.25, margin=0.05, alpha=0.05) == 4


def test_two_scores_alone_need_four_times_the_items() -> None:
    assert items_for_aggregates(rate=0.5, margin=0.05, alpha=0.05) == 1237
    assert items_for_margin(flip_rate=0.13, margin=0.05, alpha=0.05) == 322


def test_what_did_not_decide_is_told_how_many_items_would() -> None:
    wanted = {"flip_rate": 0.1, "margin": 0.03, "alpha": 0.05}
    # Too few for equal sides; enough for equal sides but these differ by two points; exactly on the margin.
    assert items_that_decide(items=400, difference=0.0, **wanted) == 687
    assert items_that_decide(items=900, difference=-0.02, **wanted) == 6183
    assert items_that_decide(items=900, difference=-0.03, **wanted) is None
    with pytest.raises(ValueError, match="at least one item"):
        items_that_decide(items=0, difference=0.0, **wanted)


def test_the_items_that_decide_do_decide() -> None:
    needed = items_that_decide(items=400, difference=0.0, flip_rate=0.1, margin=0.03, alpha=0.05)
    assert needed is not None
    passes = task_chances(Setting(items=needed, limits=Limits(margin=0.03), flip_rate=0.1)).passes
    assert passes == pytest.approx(0.8, abs=0.02)


@settings(max_examples=50)
@given(st.floats(0.0, 0.2), st.floats(0.01, 0.1))
def test_the_planned_repeats_and_items_are_enough_and_one_less_is_not(item_variance: float, margin: float) -> None:
    noise = JudgeNoise(items=500, repeats=2, repeat_variance=0.05, item_variance=item_variance, difference_variance=0.1)
    needed = repeats_needed(noise, margin=margin, alpha=0.05)
    z = 1.6448536 + 0.8416212
    if needed is None:
        assert z * (item_variance / 500) ** 0.5 >= margin - 1e-9
        return
    assert z * noise.stderr_at(needed) <= margin + 1e-6
    assert needed == 1 or z * noise.stderr_at(needed - 1) > margin - 1e-6
    assert items_for_variance(variance=item_variance + 0.05 / needed, margin=margin, alpha=0.05) <= 501
