"""Holm's correction and the exact test against guessing agree with other software."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from flagrelease.gate.statistics.chance import p_above_chance
from flagrelease.gate.statistics.multiplicity import holm


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_what_other_software_makes_of_it(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == ()


def test_holm_of_one_test_changes_nothing() -> None:
    assert holm([0.03]) == (0.03,)


@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.01, 0.99))
def test_the_p_above_chance_is_the_exact_binomial_one(items: int, share: float, chance: float) -> None:
    right = round(share * items)
    expected = binomtest(right, items, chance, alternative="greater").pvalue
    assert p_above_chance(right=right, items=items, chance=chance) == pytest.approx(expected, rel=1e-8, abs=1e-100)


@given(st.integers(1, 300), st.data())
def test_the_p_above_chance_is_right_also_where_it_is_tiny(items: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, items))
    exact = sum(math.comb(items, k) * 3 ** (items - k) for k in range(right, items + 1)) / 4**items
    assert p_above_chance(right=right, items=items, chance=0.25) == pytest.approx(exact, rel=1e-9, abs=0)


def test_one_right_answer_is_above_a_chance_of_zero() -> None:
    assert p_above_chance(right=1, items=400, chance=0) == 0
    assert p_above_chance(right=0, items=400, chance=0) == 1


@pytest.mark.parametrize(("right", "chance"), [(-1, 0.2), (11, 0.2), (5, 1.0), (5, -0.1)])
def test_impossible_numbers_are_refused(right: int, chance: float) -> None:
    with pytest.raises(ValueError, match="wanted"):
        p_above_chance(right=right, items=10, chance=chance)
