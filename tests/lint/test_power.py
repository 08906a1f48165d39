"""How likely an identical chip passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.gate.statistics.sample_size import items_for_margin
from flagrelease.lint.power import power_of


@given(flip_rate=st.floats(0.005, 0.5), margin=st.floats(0.005, 0.05))
def test_the_items_that_the_gate_asks_for_have_its_power(flip_rate: float, margin: float) -> None:
    needed = items_for_margin(flip_rate=flip_rate, margin=margin, alpha=0.05)
    assert power_of(items=needed, flip_rate=flip_rate, margin=margin, alpha=0.05) >= 0.8


@given(items=st.integers(10, 5000), flip_rate=st.floats(0.005, 0.5), margin=st.floats(0.005, 0.05))
def test_more_items_decide_better(items: int, flip_rate: float, margin: float) -> None:
    few = power_of(items=items, flip_rate=flip_rate, margin=margin, alpha=0.05)
    assert few <= power_of(items=2 * items, flip_rate=flip_rate, margin=margin, alpha=0.05) <= 1


@pytest.mark.parametrize(
    ("items", "flip_rate", "margin", "power"),
    [(900, 0.07, 0.03, 0.95), (1730, 0.07, 0.03, 1.0), (198, 0.25, 0.03, 0.19), (198, 0.25, 0.05, 0.37)],
)
def test_it_agrees_with_the_simulations_of_the_facts(items: int, flip_rate: float, margin: float, power: float) -> None:
    """Facts evaluation 6.2, the rows of paired non-inferiority, at no true change."""
    assert power_of(items=items, flip_rate=flip_rate, margin=margin, alpha=0.05) == pytest.approx(power, abs=0.07)
