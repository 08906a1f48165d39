"""A suite's aggregates and the two corrections."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, combine_pvalues  # type: ignore[import-untyped]

from flagrelease.gate.statistics.multiplicity import holm, intersection_union
from flagrelease.gate.statistics.paired_binary import p_damage
from flagrelease.gate.statistics.suite import fisher, max_drop, suite_damage, suite_mean

flips = st.tuples(st.integers(0, 60), st.integers(0, 60))
many_flips = st.lists(flips, min_size=1, max_size=8)


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=20))
def test_fishers_p_is_that_of_other_software(p_values: list[float]) -> None:
    assert fisher(p_values) == pytest.approx(combine_pvalues(p_values, method="fisher").pvalue, rel=1e-7, abs=1e-12)


def test_fishers_own_example_is_met() -> None:
    # Statistical Methods for Research Workers, section 21.1: 0.145, 0.263, 0.087 give χ² 11.42 and p 0.076.
    assert round(fisher([0.145, 0.263, 0.087]), 3) == 0.076


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=3))
def test_the_p_of_the_largest_drop_counts_every_outcome(tasks: list[tuple[int, int]]) -> None:
    def largest(outcome: tuple[tuple[int, int], ...]) -> float:
        return max(((b - c) / math.sqrt(b + c) for b, c in outcome if b + c), default=-math.inf)

    seen, p = largest(tuple(tasks)), 0.0
    for losses in product(*(range(b + c + 1) for b, c in tasks)):
        outcome = tuple((lost, b + c - lost) for lost, (b, c) in zip(losses, tasks, strict=True))
        if largest(outcome) >= seen - 1e-9:
            p += math.prod(binom.pmf(lost, b + c, 0.5) for lost, (b, c) in zip(losses, tasks, strict=True))
    assert max_drop(tasks) == pytest.approx(p, abs=1e-9)


@given(many_flips)
def test_an_order_of_tasks_changes_no_aggregate(tasks: list[tuple[int, int]]) -> None:
    here, there = suite_damage(tasks), suite_damage(tasks[::-1])
    assert (here.p_pooled, here.p_max_drop, here.p_fisher) == pytest.approx(
        (there.p_pooled, there.p_max_drop, there.p_fisher)
    )


@given(many_flips)
def test_one_task_alone_makes_all_three_aggregates_its_own_test(tasks: list[tuple[int, int]]) -> None:
    lost, gained = tasks[0]
    found, own = suite_damage([tasks[0]]), p_damage(lost=lost, gained=gained)
    assert (found.p_pooled, found.p_max_drop, found.p_fisher) == pytest.approx((own, own, own))


def test_many_small_drops_are_found_where_no_task_shows_one() -> None:
    tasks = [(30, 18)] * 9
    assert min(holm([p_damage(lost=b, gained=c) for b, c in tasks])) > 0.3
    assert suite_damage(tasks).p < 0.001


def test_one_large_drop_is_found_among_many_equal_tasks() -> None:
    assert suite_damage([(40, 12), *[(40, 40)] * 9]).p_max_drop < 0.001


def test_suites_of_equal_systems_are_called_damaged_at_most_as_often_as_the_level_says() -> None:
    draws = np.random.default_rng(1).binomial(80, 0.5, size=(2000, 9)).tolist()
    found = sum(suite_damage([(b, 80 - b) for b in losses]).p <= 0.05 for losses in draws)
    assert found / 2000 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)


def test_the_suites_mean_weighs_tasks_alike() -> None:
    found = suite_mean([0.01, -0.03], [0.004, -0.038])
    assert (found.difference, found.low) == pytest.approx((-0.01, -0.01 - 0.005))


@pytest.mark.parametrize("call", [lambda: suite_damage([]), lambda: suite_mean([0.1], []), lambda: fisher([])])
def test_a_suite_of_nothing_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match="wanted"):
        call()  # type: ignore[operator]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_claim_holds_when_its_weakest_part_does(p_values: list[float]) -> None:
    claim = intersection_union(p_values, alpha=0.05)
    assert claim.holds == all(p <= 0.05 for p in p_values)
    assert p_values[claim.weakest] == claim.p == max(p_values)


def test_a_claim_of_nothing_does_not_hold() -> None:
    with pytest.raises(ValueError, match="at least one test"):
        intersection_union([], alpha=0.05)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([0.5, p])
