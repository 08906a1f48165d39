"""The exact level at the margin, and the counts and chances behind it."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial  # type: ignore[import-untyped]

from flagrelease.gate.statistics.exact_margin import (
    chance_of_at_least,
    fewest_gained,
    p_worse_by_margin,
    passing_z,
    scores,
    worst_chance,
)
from flagrelease.gate.statistics.paired_binary import tango_interval, tango_score

Z95 = NormalDist().inv_cdf(0.95)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 900), st.integers(-500, 500))
def test_many_scores_are_each_tangos(lost: int, gained: int, equal: int, tenths: int) -> None:
    items, difference = lost + gained + equal + 1, tenths / 1000
    one = tango_score(lost=lost, gained=gained, items=items, difference=difference)
    many = scores(np.array([lost]), np.array([gained]), items=items, difference=difference)
    assert many[0] == pytest.approx(one, rel=1e-5, abs=1e-5)


@settings(max_examples=30)
@given(st.integers(5, 30), st.floats(0.02, 0.3), st.floats(0.3, 0.6))
def test_the_chance_to_pass_counts_every_outcome(items: int, margin: float, flip_rate: float) -> None:
    lost_rate, gained_rate = (flip_rate + margin) / 2, (flip_rate - margin) / 2
    expected = sum(
        multinomial.pmf([b, c, items - b - c], items, [lost_rate, gained_rate, 1 - flip_rate])
        for b in range(items + 1)
        for c in range(items + 1 - b)
        if tango_score(lost=b, gained=c, items=items, difference=-margin) >= Z95
    )
    needed = fewest_gained(items=items, margin=margin, z=Z95)
    found = chance_of_at_least(needed, items=items, flip_rate=flip_rate, difference=-margin)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("items", "margin"), [(198, 0.05), (600, 0.04), (900, 0.02), (1730, 0.02), (3040, 0.02)])
def test_a_system_at_the_margin_never_passes_more_often_than_the_level(items: int, margin: float) -> None:
    z = passing_z(items=items, margin=margin, alpha=0.05)
    needed = fewest_gained(items=items, margin=margin, z=z)
    finer = np.linspace(margin, 0.5, 701)
    worst = max(
        chance_of_at_least(needed, items=items, flip_rate=float(f), difference=-margin) for f in finer if f >= margin
    )
    assert worst <= 0.05 + 2e-4
    assert worst > 0.045, "the level is used up"


def test_tangos_own_quantile_does_not_keep_the_level() -> None:
    assert worst_chance(items=1730, margin=0.02, z=Z95) > 0.053


@pytest.mark.parametrize(("lost", "gained"), [(20, 21), (44, 30), (30, 28), (60, 20), (0, 0), (900, 0)])
def test_a_p_of_at_most_the_level_is_a_score_of_at_least_the_passing_one(lost: int, gained: int) -> None:
    p = p_worse_by_margin(lost=lost, gained=gained, items=900, margin=0.03)
    score = tango_score(lost=lost, gained=gained, items=900, difference=-0.03)
    assert (p <= 0.05) == (score >= passing_z(items=900, margin=0.03, alpha=0.05))


@settings(max_examples=25)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(100, 900))
def test_one_more_loss_never_lowers_the_p(lost: int, gained: int, equal: int) -> None:
    items = lost + gained + equal
    better = p_worse_by_margin(lost=lost, gained=gained + 1, items=items + 1, margin=0.04)
    worse = p_worse_by_margin(lost=lost + 1, gained=gained, items=items + 1, margin=0.04)
    assert worse >= better - 1e-12


def test_all_gained_leaves_no_doubt_and_all_lost_no_hope() -> None:
    assert p_worse_by_margin(lost=0, gained=300, items=300, margin=0.05) < 1e-12
    assert p_worse_by_margin(lost=300, gained=0, items=300, margin=0.05) == pytest.approx(1)


def test_the_shown_interval_and_the_exact_p_tell_one_story() -> None:
    apart = 0
    for lost in range(60):
        for gained in range(0, 60, 3):
            low, _ = tango_interval(lost=lost, gained=gained, items=900, confidence=0.9)
            score = tango_score(lost=lost, gained=gained, items=900, difference=-0.03)
            does_pass = score >= passing_z(items=900, margin=0.03, alpha=0.05)
            assert not (does_pass and low <= -0.03)
            apart += (low > -0.03) != does_pass
    assert apart <= 3


@pytest.mark.parametrize(("items", "margin"), [(0, 0.03), (100, 0.0), (100, 1.0)])
def test_what_cannot_be_a_task_is_refused(items: int, margin: float) -> None:
    with pytest.raises(ValueError, match="wanted at least one item"):
        passing_z(items=items, margin=margin, alpha=0.05)
