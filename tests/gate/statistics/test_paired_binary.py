"""What the score, the exact tests and the standard error add to the interval of `tests/gate/test_paired.py`."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]

from flagrelease.gate.statistics.paired_binary import (
    mcnemar_exact,
    standard_error,
    tango_interval,
    tango_score,
    tango_variance,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    """Lost, gained, items."""
    items = draw(st.integers(1, 3000))
    lost = draw(st.integers(0, items))
    return lost, draw(st.integers(0, items - lost)), items


@given(counts(), st.floats(0.01, 0.2))
def test_the_score_at_the_margin_passes_exactly_where_the_interval_does(
    numbers: tuple[int, int, int], margin: float
) -> None:
    lost, gained, items = numbers
    low, _ = tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)
    if abs(low + margin) < 1e-9:
        return
    score = tango_score(lost=lost, gained=gained, items=items, difference=-margin)
    assert (low > -margin) == (score > NormalDist().inv_cdf(0.95))


@given(counts(), st.integers(-900, 900))
def test_exchanging_the_sides_turns_the_score_round(numbers: tuple[int, int, int], tenths: int) -> None:
    (lost, gained, items), difference = numbers, tenths / 1000
    here = tango_score(lost=lost, gained=gained, items=items, difference=difference)
    there = tango_score(lost=gained, gained=lost, items=items, difference=-difference)
    assert there == pytest.approx(-here, rel=1e-6, abs=1e-6)


@given(counts(), st.integers(1, 500))
def test_equal_items_never_widen_what_the_interval_with_zero_spans(numbers: tuple[int, int, int], equal: int) -> None:
    lost, gained, items = numbers
    low, high = tango_interval(lost=lost, gained=gained, items=items, confidence=0.9)
    more_low, more_high = tango_interval(lost=lost, gained=gained, items=items + equal, confidence=0.9)
    assert min(more_low, 0) >= min(low, 0) - 1e-12
    assert max(more_high, 0) <= max(high, 0) + 1e-12


@given(st.integers(0, 300), st.integers(0, 300))
def test_all_three_mcnemar_p_values_are_those_of_other_software(lost: int, gained: int) -> None:
    found = mcnemar_exact(lost=lost, gained=gained)
    flips = lost + gained
    if flips:
        assert found.p_damage == pytest.approx(binomtest(lost, flips, alternative="greater").pvalue, rel=1e-9)
        assert found.p_gain == pytest.approx(binomtest(gained, flips, alternative="greater").pvalue, rel=1e-9)
    table = np.array([[50, lost], [gained, 50]])
    assert found.p_two_sided == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_without_a_flip_no_mcnemar_p_says_anything() -> None:
    found = mcnemar_exact(lost=0, gained=0)
    assert (found.p_damage, found.p_gain, found.p_two_sided) == (1, 1, 1)


def test_the_published_worked_example_of_mcnemar_is_met() -> None:
    # Airway hyper-responsiveness of 21 children, 7 against 1: Fagerland, Lydersen and Laake, BMC Medical Research
    # Methodology 13 (2013), 91: exact conditional p 0.0703.
    assert round(mcnemar_exact(lost=7, gained=1).p_two_sided, 4) == 0.0703


@given(counts())
def test_the_standard_error_is_that_of_the_items(numbers: tuple[int, int, int]) -> None:
    lost, gained, items = numbers
    values = np.repeat([-1.0, 1.0, 0.0], [lost, gained, items - lost - gained])
    found = standard_error(lost=lost, gained=gained, items=items)
    assert found == pytest.approx(float(values.std()) / math.sqrt(items), abs=1e-9)


def test_without_a_difference_the_variance_is_the_share_of_flips() -> None:
    assert tango_variance(lost=30, gained=10, items=400, difference=0) == pytest.approx(0.1)


def test_a_score_that_the_hypothesis_makes_impossible_is_infinite() -> None:
    assert tango_score(lost=0, gained=5, items=5, difference=-1) == math.inf


@pytest.mark.parametrize("difference", [-1.1, 1.5])
def test_an_impossible_difference_is_refused(difference: float) -> None:
    with pytest.raises(ValueError, match="from -1 to 1"):
        tango_score(lost=1, gained=1, items=10, difference=difference)
