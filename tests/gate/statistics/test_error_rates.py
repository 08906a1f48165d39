"""How often the gate is wrong: simulated over numbers of items, shares of flips and true drops.

The exact levels are tested beside the functions that keep them; here the decisions are drawn, as they will happen.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import bdtr  # type: ignore[import-untyped]

from flagrelease.gate.statistics.multiplicity import holm
from flagrelease.gate.statistics.rule import Levels
from tests.gate.statistics.simulate import DRAWS, FLIP_RATES, ITEMS, Runs, draw, fails, passes

LEVELS = Levels()
TASKS = 9
MARGINS = (0.02, 0.035, 0.05)
QUICK = [(198, 0.25), (900, 0.10)]
CELLS = [
    pytest.param(items, flips, marks=() if (items, flips) in QUICK else pytest.mark.slow)
    for items in ITEMS
    for flips in FLIP_RATES
]


def bound(level: float, draws: int) -> float:
    """What a share of draws stays below when its chance is `level`, but for four sigma."""
    return level + 4 * math.sqrt(level * (1 - level) / draws)


def p_values(lost: NDArray[np.int64], flips: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(Bin(flips, ½) ≥ lost)."""
    found: NDArray[np.float64] = np.where(lost == 0, 1.0, bdtr(flips - lost, np.maximum(flips, 1), 0.5))
    return found


def holm_rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """`multiplicity.holm` of each row."""
    order = np.argsort(p, axis=1)
    stepped = np.take_along_axis(p, order, 1) * (p.shape[1] - np.arange(p.shape[1]))
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(1, np.maximum.accumulate(stepped, axis=1)), 1)
    return adjusted


def no_go(runs: list[Runs], *, margin: float) -> NDArray[np.bool_]:
    """Of each bundle, whether any task is FAIL, or a gain so real that it could be ANOMALY."""
    lost, gained = (np.stack([getattr(run, side) for run in runs], axis=1) for side in ("lost", "gained"))
    damage, gain = (holm_rows(p_values(side, lost + gained)) for side in (lost, gained))
    failed = (damage <= LEVELS.failing) & (lost - gained > margin * runs[0].items + 1e-9)
    found: NDArray[np.bool_] = (failed | (gain <= LEVELS.anomaly)).any(axis=1)
    return found


@pytest.mark.parametrize(("items", "flip_rate"), CELLS)
def test_a_system_that_is_worse_by_the_margin_passes_at_most_once_in_twenty(items: int, flip_rate: float) -> None:
    rng = np.random.default_rng(items)
    for margin in MARGINS:
        runs = draw(items=items, flip_rate=flip_rate, drop=margin, rng=rng)
        assert passes(runs, margin=margin, levels=LEVELS).mean() <= bound(0.05, DRAWS)


@pytest.mark.parametrize(("items", "flip_rate"), CELLS)
def test_a_bundle_of_identical_systems_is_no_go_at_most_once_in_a_hundred(items: int, flip_rate: float) -> None:
    rng = np.random.default_rng(items + 1)
    runs = [draw(items=items, flip_rate=flip_rate, drop=0.0, rng=rng) for _ in range(TASKS)]
    for margin in MARGINS:
        assert no_go(runs, margin=margin).mean() <= bound(0.01, DRAWS)


@pytest.mark.slow
def test_over_all_cells_together_both_rates_are_kept_without_any_allowance() -> None:
    rng = np.random.default_rng(77)
    passed, stopped = [], []
    for items in ITEMS:
        for flip_rate in FLIP_RATES:
            runs = [draw(items=items, flip_rate=flip_rate, drop=0.0, rng=rng) for _ in range(TASKS)]
            stopped.append(no_go(runs, margin=0.035).mean())
            for margin in MARGINS:
                worse = draw(items=items, flip_rate=flip_rate, drop=margin, rng=rng)
                passed.append(passes(worse, margin=margin, levels=LEVELS).mean())
    assert 0.03 < np.mean(passed) <= 0.05
    assert np.mean(stopped) <= 0.01


@pytest.mark.parametrize(("items", "flip_rate"), CELLS)
def test_the_worse_a_system_is_the_less_often_it_passes(items: int, flip_rate: float) -> None:
    rng = np.random.default_rng(items + 2)
    drops = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
    shares = [
        passes(draw(items=items, flip_rate=flip_rate, drop=drop, rng=rng), margin=0.035, levels=LEVELS).mean()
        for drop in drops
    ]
    assert all(better >= worse - 0.04 for better, worse in pairwise(shares))
    assert all(share <= bound(0.05, DRAWS) for share, drop in zip(shares, drops, strict=True) if drop > 0.035)
    assert shares[-1] <= 0.01


def test_failing_at_one_in_twenty_would_fail_identical_systems_far_too_often() -> None:
    runs = draw(items=198, flip_rate=0.25, drop=0.0, rng=np.random.default_rng(8), draws=20_000)
    assert fails(runs, margin=0.05, level=0.05).mean() > 0.03
    assert fails(runs, margin=0.05, level=LEVELS.failing).mean() <= 0.005


def test_the_rows_are_holms() -> None:
    p = np.random.default_rng(1).uniform(size=(20, 7))
    assert holm_rows(p) == pytest.approx(np.array([holm(row) for row in p.tolist()]))
