"""The statistics agree with their definitions, with other software and with what was published."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar  # type: ignore[import-untyped]
from scipy.stats import binomtest  # type: ignore[import-untyped]
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]

from flagrelease.gate.statistics.paired_binary import p_damage, tango_interval
from flagrelease.gate.statistics.sample_size import items_for_margin


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    """Lost, gained, items."""
    items = draw(st.integers(1, 3000))
    lost = draw(st.integers(0, items))
    return lost, draw(st.integers(0, items - lost)), items


def likelihood_bound(lost: int, gained: int, items: int, z: float, *, upper: bool) -> float:
    """The bound by its definition: a numeric maximum of the likelihood, a numeric root of the score statistic."""

    def most_likely_loss_rate(delta: float) -> float:
        low, high = max(0.0, -delta), (1 - delta) / 2

        def cost(q: float) -> float:
            rates = ((lost, q), (gained, q + delta), (items - lost - gained, 1 - 2 * q - delta))
            return -sum(n * math.log(max(rate, 1e-300)) for n, rate in rates if n)

        return float(minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x)

    def excess(delta: float) -> float:
        variance = 2 * most_likely_loss_rate(delta) + delta * (1 - delta)
        return (gained - lost - items * delta) / math.sqrt(items * variance) + (z if upper else -z)

    estimate = (gained - lost) / items
    return float(brentq(excess, estimate, 1 - 1e-6) if upper else brentq(excess, -1 + 1e-6, estimate))


@pytest.mark.parametrize(
    ("lost", "gained", "items"), [(12, 4, 100), (7, 1, 21), (25, 13, 900), (3, 3, 40), (1, 0, 60), (60, 20, 200)]
)
def test_the_interval_is_the_root_of_the_score_at_the_most_likely_loss_rate(lost: int, gained: int, items: int) -> None:
    z = NormalDist().inv_cdf(0.95)
    low, high = tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)
    assert low == pytest.approx(likelihood_bound(lost, gained, items, z, upper=False), abs=2e-5)
    assert high == pytest.approx(likelihood_bound(lost, gained, items, z, upper=True), abs=2e-5)


def test_the_interval_is_the_published_one() -> None:
    # Airway hyper-responsiveness before and after transplantation, 21 children: Fagerland, Lydersen and Laake,
    # Statistics in Medicine 33 (2014), 2850-2875.
    low, high = tango_interval(lost=7, gained=1, items=21, confidence=0.95)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


@given(counts(), st.floats(0.5, 0.99))
def test_the_interval_holds_the_estimate_and_is_within_the_possible(
    numbers: tuple[int, int, int], confidence: float
) -> None:
    lost, gained, items = numbers
    low, high = tango_interval(lost=lost, gained=gained, items=items, confidence=confidence)
    assert -1 <= low <= (gained - lost) / items <= high <= 1


@given(counts())
def test_exchanging_the_sides_turns_the_interval_round(numbers: tuple[int, int, int]) -> None:
    lost, gained, items = numbers
    low, high = tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)
    assert tango_interval(lost=gained, gained=lost, items=items, confidence=0.9) == (-high, -low)


@given(counts())
def test_one_more_loss_never_raises_a_bound(numbers: tuple[int, int, int]) -> None:
    lost, gained, items = numbers
    if lost + gained == items:
        return
    low, high = tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)
    worse_low, worse_high = tango_interval(lost=lost + 1, gained=gained, items=items, confidence=0.9)
    assert worse_low <= low + 1e-12
    assert worse_high <= high + 1e-12


@given(counts())
def test_more_confidence_never_makes_the_interval_shorter(numbers: tuple[int, int, int]) -> None:
    lost, gained, items = numbers
    narrow = tango_interval(lost=lost, gained=gained, items=items, confidence=0.8)
    wide = tango_interval(lost=lost, gained=gained, items=items, confidence=0.95)
    assert wide[0] <= narrow[0] + 1e-12
    assert wide[1] >= narrow[1] - 1e-12


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2000))
def test_a_bound_is_zero_where_the_two_sided_mcnemar_z_is_the_quantile(lost: int, gained: int, agreeing: int) -> None:
    z = (gained - lost) / math.sqrt(gained + lost)
    confidence = 2 * NormalDist().cdf(abs(z)) - 1
    if not 0.001 < confidence < 0.999999:
        return
    low, high = tango_interval(lost=lost, gained=gained, items=lost + gained + agreeing, confidence=confidence)
    assert min(abs(low), abs(high)) < 1e-9


@given(st.integers(1, 5000), st.floats(0.5, 0.99))
def test_without_a_flip_the_interval_is_that_of_a_single_score(items: int, confidence: float) -> None:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    width = z * z / (items + z * z)
    interval = tango_interval(lost=0, gained=0, items=items, confidence=confidence)
    assert interval == pytest.approx((-width, width), abs=1e-12)


def test_when_everything_is_lost_the_interval_ends_at_minus_one() -> None:
    low, high = tango_interval(lost=50, gained=0, items=50, confidence=0.9)
    assert low == -1
    assert -1 < high < -0.89


@pytest.mark.parametrize(("lost", "gained", "items"), [(-1, 0, 10), (0, -1, 10), (6, 5, 10), (1, 0, 0)])
def test_counts_that_do_not_fit_are_refused(lost: int, gained: int, items: int) -> None:
    with pytest.raises(ValueError, match="wanted flips within the items"):
        tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)


def test_an_interval_of_no_items_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        tango_interval(lost=0, gained=0, items=0, confidence=0.9)


def test_an_impossible_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1, found 1"):
        tango_interval(lost=1, gained=1, items=10, confidence=1)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_damage_p_is_the_exact_binomial_one(lost: int, gained: int) -> None:
    expected = binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue if lost + gained else 1.0
    assert p_damage(lost=lost, gained=gained) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("lost", "gained"), [(12, 4), (30, 11), (5, 0), (9, 2)])
def test_the_damage_p_is_half_the_two_sided_exact_mcnemar_p(lost: int, gained: int) -> None:
    two_sided = mcnemar(np.array([[50, lost], [gained, 50]]), exact=True).pvalue
    assert 2 * p_damage(lost=lost, gained=gained) == pytest.approx(two_sided, rel=1e-12)


@given(st.integers(0, 200), st.integers(0, 200))
def test_both_damage_p_together_count_the_observed_flips_twice(lost: int, gained: int) -> None:
    flips = lost + gained
    both = p_damage(lost=lost, gained=gained) + p_damage(lost=gained, gained=lost)
    assert both == pytest.approx(1 + math.comb(flips, lost) / 2**flips)


def test_thousands_of_flips_are_no_trouble() -> None:
    assert p_damage(lost=6000, gained=6000) == pytest.approx(0.5, abs=0.01)
    assert 0 <= p_damage(lost=12000, gained=0) < 1e-300


def test_the_items_for_a_margin_are_those_of_the_formula() -> None:
    rates = (0.03, 0.06, 0.09, 0.13, 0.20)
    table = [[items_for_margin(flip_rate=f, margin=m, alpha=0.05) for m in (0.01, 0.02, 0.03, 0.05)] for f in rates]
    assert table == [
        [1855, 464, 207, 75],
        [3710, 928, 413, 149],
        [5565, 1392, 619, 223],
        [8038, 2010, 894, 322],
        [12366, 3092, 1374, 495],
    ]


@given(st.floats(0.005, 0.05))
def test_without_a_flip_the_items_for_a_margin_are_just_enough(margin: float) -> None:
    items = items_for_margin(flip_rate=0.0, margin=margin, alpha=0.05)
    assert tango_interval(lost=0, gained=0, items=items + 1, confidence=0.9)[0] > -margin
    assert tango_interval(lost=0, gained=0, items=items - 1, confidence=0.9)[0] < -margin
