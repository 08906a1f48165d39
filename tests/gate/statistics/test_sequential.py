"""Planned looks: boundaries as published, levels counted path by path, and half of the items for identical systems."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal  # type: ignore[import-untyped]

from flagrelease.gate.statistics.margins import margin_for
from flagrelease.gate.statistics.order import fixed_order
from flagrelease.gate.statistics.paths import count_paths, look_at_once
from flagrelease.gate.statistics.power import Setting, task_chances
from flagrelease.gate.statistics.rule import Limits
from flagrelease.gate.statistics.sequential import look, plan
from flagrelease.gate.statistics.spending import Spending, boundaries, spent
from flagrelease.gate.statistics.thrift import thrifty_plan
from tests.gate.statistics.simulate import walk

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
FAILING = 0.005 / 9
A_PLAN = plan(items=900, margin=0.035, alpha=0.05, failing=FAILING, futility=0.2)


@pytest.mark.parametrize(
    ("spending", "published"),
    [
        ("obrien-fleming", [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_the_boundaries_are_the_published_ones(spending: Spending, published: list[float]) -> None:
    # Five equal looks at one-sided 0.025, as in Reboussin, DeMets, Kim and Lan, Controlled Clinical Trials 21 (2000).
    assert boundaries(FIFTHS, alpha=0.025, spending=spending) == pytest.approx(published, abs=2e-3)


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
def test_the_level_spent_is_that_of_the_joint_normal(spending: Spending) -> None:
    shares = (0.3, 0.55, 1.0)
    correlation = [[math.sqrt(min(a, b) / max(a, b)) for b in shares] for a in shares]
    top = boundaries(shares, alpha=0.05, spending=spending)
    for count in (2, 3):
        below = multivariate_normal([0.0] * count, np.array(correlation)[:count, :count]).cdf(top[:count])
        assert 1 - below == pytest.approx(spent(shares[count - 1], alpha=0.05, spending=spending), abs=2e-5)


def test_one_look_is_the_fixed_test() -> None:
    assert boundaries((1.0,), alpha=0.05, spending="pocock") == pytest.approx((1.6449,), abs=1e-4)


@pytest.mark.parametrize("shares", [(), (0.5,), (0.5, 0.4, 1.0), (0.0, 1.0), (0.5, 0.5, 1.0)])
def test_shares_that_do_not_rise_to_one_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rise to 1"):
        boundaries(shares, alpha=0.05, spending="pocock")


def test_looks_are_equally_spaced_and_end_with_all_items() -> None:
    assert plan(items=198, margin=0.05, alpha=0.05, failing=0.001, futility=0).items == (
        20, 40, 60, 80, 99, 119, 139, 159, 179, 198,
    )  # fmt: skip
    assert plan(items=3, margin=0.05, alpha=0.05, failing=0.001, futility=0).items == (1, 2, 3)


@pytest.mark.parametrize(
    ("number", "lost", "gained", "step"),
    [
        (0, 0, 0, "GO-ON"),
        (2, 3, 5, "PASS"),
        (4, 40, 3, "FAIL"),
        (4, 3, 60, "ANOMALY"),
        (2, 6, 24, "GO-ON"),
        (5, 36, 14, "FUTILE"),
        (9, 60, 45, "END"),
        (9, 30, 30, "PASS"),
    ],
)
def test_a_look_says_what_to_do(number: int, lost: int, gained: int, step: str) -> None:
    assert look(A_PLAN, number=number, lost=lost, gained=gained).step == step


def test_a_look_that_is_not_planned_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted a look from 0 to 9, found 10"):
        look(A_PLAN, number=10, lost=0, gained=0)


@given(st.integers(0, 9), st.integers(0, 90), st.integers(0, 90))
def test_many_looks_at_once_are_each_a_look(number: int, lost: int, gained: int) -> None:
    if lost + gained > A_PLAN.items[number]:
        return
    one = look(A_PLAN, number=number, lost=lost, gained=gained).step
    many = look_at_once(A_PLAN, number, np.array([lost]), np.array([gained]))
    found = {"PASS": many.passes, "FAIL": many.fails, "ANOMALY": many.anomaly, "FUTILE": many.futile}
    assert {step for step, flags in found.items() if flags[0]} == {one} & found.keys()


@pytest.mark.parametrize(("flip_rate", "difference"), [(0.1, 0.0), (0.1, -0.035), (0.05, 0.01), (0.25, -0.02)])
def test_counted_paths_are_what_simulated_runs_do(flip_rate: float, difference: float) -> None:
    draws = 4000
    runs = walk(A_PLAN, flip_rate=flip_rate, drop=-difference, rng=np.random.default_rng(4), draws=draws)
    counted = count_paths(A_PLAN, flip_rate=flip_rate, difference=difference)
    for found, chance in ((runs.passed, counted.passes), (runs.failed, counted.fails)):
        assert found.mean() == pytest.approx(chance, abs=4 * math.sqrt(max(chance * (1 - chance), 1e-4) / draws))
    assert runs.used.mean() / 900 == pytest.approx(counted.share, abs=0.02)


def test_one_look_counts_what_the_fixed_task_does() -> None:
    once = plan(items=600, margin=0.04, alpha=0.05, failing=0.005, futility=0, looks=1)
    fixed = task_chances(Setting(items=600, limits=Limits(margin=0.04), flip_rate=0.1, difference=-0.02))
    counted = count_paths(once, flip_rate=0.1, difference=-0.02)
    assert (counted.passes, counted.fails) == pytest.approx((fixed.passes, fixed.fails), abs=1e-6)
    assert counted.share == pytest.approx(1)


@pytest.mark.parametrize(("items", "margin"), [(198, 0.05), (600, 0.04), (900, 0.035)])
def test_looking_often_never_passes_a_system_at_the_margin_more_than_the_level(items: int, margin: float) -> None:
    # Advice to stop is not counted on: everybody goes on to the end.
    looks = plan(items=items, margin=margin, alpha=0.05, failing=1e-12, futility=0)
    worst = max(
        count_paths(looks, flip_rate=flips, difference=-margin).passes for flips in (margin, 0.07, 0.1, 0.15, 0.25)
    )
    assert 0.03 < worst <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
@pytest.mark.parametrize("items", [198, 400, 600, 900, 1730, 3040])
def test_looking_often_keeps_the_level_in_every_cell(items: int, spending: Spending) -> None:
    for margin in (0.02, 0.035, 0.05):
        looks = plan(items=items, margin=margin, alpha=0.05, failing=1e-12, futility=0, spending=spending)
        for flips in (margin, 0.02, 0.05, 0.1, 0.15, 0.25):
            if flips >= margin:
                assert count_paths(looks, flip_rate=flips, difference=-margin).passes <= 0.05


def test_identical_systems_are_failed_by_no_look_more_than_their_level() -> None:
    for flips in (0.05, 0.25):
        counted = count_paths(A_PLAN, flip_rate=flips)
        assert max(counted.fails, counted.anomaly) <= FAILING


def test_a_gain_that_cannot_be_is_an_anomaly_long_before_the_end() -> None:
    counted = count_paths(A_PLAN, flip_rate=0.15, difference=0.1)
    fixed = task_chances(Setting(items=900, limits=Limits(margin=0.035), flip_rate=0.15, difference=0.1, tasks=9))
    assert fixed.anomaly > 0.99
    assert counted.anomaly > 0.85
    assert counted.share < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "margin", "flip_rate"),
    [(600, 0.04, 0.1), (900, 0.035, 0.1), (900, 0.035, 0.05), (1730, 0.025, 0.1), (1730, 0.03, 0.1), (3040, 0.02, 0.1)],
)
def test_identical_systems_need_at_most_half_of_the_items_where_the_full_test_has_power(
    items: int, margin: float, flip_rate: float
) -> None:
    fixed = task_chances(Setting(items=items, limits=Limits(margin=margin), flip_rate=flip_rate))
    assert fixed.passes >= 0.9
    thrifty = thrifty_plan(items=items, margin=margin, alpha=0.05, failing=FAILING, flip_rate=flip_rate)
    assert count_paths(thrifty, flip_rate=flip_rate).share <= 0.5
    runs = walk(thrifty, flip_rate=flip_rate, drop=0.0, rng=np.random.default_rng(5))
    assert runs.used.mean() / items <= 0.51


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "flip_rate"),
    [(600, 0.05), (600, 0.10), *((items, flips) for items in (900, 1730, 3040) for flips in (0.05, 0.10, 0.20))],
)
def test_half_of_the_items_is_enough_even_where_the_full_test_only_just_has_the_power(
    items: int, flip_rate: float
) -> None:
    margin = margin_for(items=items, flip_rate=flip_rate)
    assert margin is not None
    thrifty = thrifty_plan(items=items, margin=margin, alpha=0.05, failing=FAILING, flip_rate=flip_rate)
    assert count_paths(thrifty, flip_rate=flip_rate).share <= 0.5


FEW_FLIPS = (
    (198, 0.02, 0.045), (198, 0.02, 0.05), (198, 0.03, 0.045), (198, 0.03, 0.05), (400, 0.02, 0.025),
    (400, 0.02, 0.03), (400, 0.02, 0.035), (400, 0.03, 0.035), (400, 0.03, 0.04), (400, 0.05, 0.04), (600, 0.02, 0.025),
    (600, 0.03, 0.025), (765, 0.02, 0.02), (900, 0.03, 0.02),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("items", "flip_rate", "margin"), FEW_FLIPS)
def test_where_few_flips_are_expected_another_number_of_looks_saves_half_and_keeps_the_level(
    items: int, flip_rate: float, margin: float
) -> None:
    keen = thrifty_plan(items=items, margin=margin, alpha=0.05, failing=FAILING, flip_rate=flip_rate)
    assert count_paths(keen, flip_rate=flip_rate).share <= 0.5
    without_advice = replace(keen, futility=0.0)
    for flips in (margin, 2 * margin, 0.1, 0.25):
        assert count_paths(without_advice, flip_rate=max(flips, margin), difference=-margin).passes <= 0.05


def test_a_damaged_system_is_stopped_early() -> None:
    counted = count_paths(A_PLAN, flip_rate=0.1, difference=-0.08)
    assert counted.passes < 1e-4
    assert counted.share < 0.31
    assert counted.fails > 0.8


def test_more_advice_to_stop_saves_items_and_costs_passes_but_no_error() -> None:
    mild, strong = (plan(items=900, margin=0.035, alpha=0.05, failing=FAILING, futility=f) for f in (0.1, 0.5))
    assert count_paths(strong, flip_rate=0.1).share < count_paths(mild, flip_rate=0.1).share
    assert count_paths(strong, flip_rate=0.1).passes < count_paths(mild, flip_rate=0.1).passes
    at_margin = [count_paths(p, flip_rate=0.1, difference=-0.035).passes for p in (strong, mild)]
    assert at_margin[0] < at_margin[1] <= 0.05


def test_the_order_is_the_same_everywhere_and_another_for_another_seed() -> None:
    items = [f"item-{k}" for k in range(6)]
    order = fixed_order(items, seed=1, task="mmmu_val")
    assert order == ("item-2", "item-4", "item-3", "item-0", "item-5", "item-1")
    assert fixed_order(reversed(items), seed=1, task="mmmu_val") == order
    assert fixed_order(items, seed=2, task="mmmu_val") != order
    assert fixed_order(items, seed=1, task="cmmmu_val") != order


@settings(max_examples=30)
@given(st.sets(st.text(max_size=8), max_size=40), st.integers(0, 2**63))
def test_the_order_holds_every_item_once(items: set[str], seed: int) -> None:
    order = fixed_order(items, seed=seed, task="t")
    assert (len(order), set(order)) == (len(items), items)


def test_the_place_of_an_item_does_not_depend_on_the_others() -> None:
    items = [str(k) for k in range(100)]
    all_of_them = fixed_order(items, seed=3, task="t")
    half = fixed_order(items[::2], seed=3, task="t")
    assert [item for item in all_of_them if int(item) % 2 == 0] == list(half)


def test_the_first_items_are_a_fair_sample() -> None:
    order = fixed_order(map(str, range(4000)), seed=9, task="t")
    early = sum(int(item) < 2000 for item in order[:1000])
    assert abs(early - 500) < 4 * math.sqrt(1000 / 4 * 3 / 4)


def test_an_item_that_occurs_twice_has_no_place() -> None:
    with pytest.raises(ValueError, match="wanted each item once in task t, found 1 more than once"):
        fixed_order(["a", "a", "b"], seed=1, task="t")
