"""How often the gate is wrong, by simulation: the figures a consumer and a producer of bundles live with."""

import math
from functools import cache

import numpy as np
import pytest

from flagrelease.gate.statistics.paired_binary import tango_interval

RUNS = 4000
MARGIN = 0.03
interval = cache(tango_interval)


def share_that_passes(*, items: int, flip_rate: float, difference: float, seed: int) -> float:
    """Of simulated runs with this true difference and flip rate, those whose lower bound is above −margin."""
    lost, gained = (flip_rate - difference) / 2, (flip_rate + difference) / 2
    draws = np.random.default_rng(seed).multinomial(items, [lost, gained, 1 - flip_rate], size=RUNS)
    passed = sum(
        interval(lost=int(b), gained=int(c), items=items, confidence=0.9)[0] > -MARGIN for b, c, _ in draws.tolist()
    )
    return passed / RUNS


@pytest.mark.parametrize(("items", "flip_rate"), [(400, 0.05), (400, 0.09), (400, 0.2), (1730, 0.07)])
def test_a_bundle_that_is_worse_by_the_margin_passes_about_once_in_twenty(items: int, flip_rate: float) -> None:
    passes = share_that_passes(items=items, flip_rate=flip_rate, difference=-MARGIN, seed=1)
    four_sigma = 4 * math.sqrt(0.05 * 0.95 / RUNS)
    assert passes <= 0.055 + four_sigma


def test_an_equal_bundle_with_few_flips_nearly_always_passes() -> None:
    assert share_that_passes(items=400, flip_rate=0.015, difference=0, seed=2) > 0.99


def test_an_equal_bundle_passes_four_times_in_five_at_the_planned_number_of_items() -> None:
    assert share_that_passes(items=619, flip_rate=0.09, difference=0, seed=3) == pytest.approx(0.8, abs=0.04)


def test_a_bundle_that_is_much_worse_never_passes() -> None:
    assert share_that_passes(items=400, flip_rate=0.15, difference=-0.1, seed=4) == 0
