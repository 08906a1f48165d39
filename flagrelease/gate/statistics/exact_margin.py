"""Tango's score test of a margin with its level kept exactly, whatever the true share of flips up to a half.

Tango's quantile is an approximation: at some numbers of items a system that is worse by exactly the margin passes
5.4 % of the time instead of 5 %. Here the chance is counted over every outcome, as H.-M. Hsueh, J.-P. Liu and
J. J. Chen do (Biometrics 57 (2001), 478-483), and the worst share of flips is taken.
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln  # type: ignore[import-untyped]

from flagrelease.gate.statistics.paired_binary import tango_score

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_WIDTH: Final = 8.0
"""Standard deviations of the number of flips that are counted: what is left out is below 1e-14."""

_SLACK: Final = 1e-9
_HALVINGS: Final = 14

MOST_FLIPS: Final = 0.5
"""The largest share of flips guarded against: two sides that score alike and share nothing flip no more."""


def p_worse_by_margin(*, lost: int, gained: int, items: int, margin: float) -> float:
    """Exact one-sided p of the hypothesis that the target is worse by the margin or more.

    The largest chance, over all shares of flips, of a score at −margin at least as high as the one seen, and never
    below the score's own normal p: where this p is at most α, the lower end of `tango_interval` at 1 − 2α is at least
    −margin as well. Raises ValueError when the counts do not fit or the margin is not between 0 and 1.
    """
    _check(items, margin)
    z = tango_score(lost=lost, gained=gained, items=items, difference=-margin)
    if z == math.inf:
        z = 1e9
    return min(1.0, max(NormalDist().cdf(-z), worst_chance(items=items, margin=margin, z=z - _SLACK)))


@lru_cache(maxsize=1024)
def passing_z(*, items: int, margin: float, alpha: float) -> float:
    """The smallest score at −margin that passes with a chance of at most `alpha` at the margin: z(1 − α) or above."""
    _check(items, margin)
    low = NormalDist().inv_cdf(1 - alpha)
    # At each share of flips the chance falls as z rises, so a share that is harmless at one z stays so above it.
    rates = _above_level(_flip_rates(margin), items=items, margin=margin, z=low, alpha=alpha)
    if not rates:
        return low
    high = low + 1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left = _above_level(rates, items=items, margin=margin, z=middle, alpha=alpha)
        low, high, rates = (middle, high, left) if left else (low, middle, rates)
    return high


def _above_level(rates: tuple[float, ...], *, items: int, margin: float, z: float, alpha: float) -> tuple[float, ...]:
    """The shares of flips at which a system worse by the margin passes with a chance above `alpha`."""
    needed = fewest_gained(items=items, margin=margin, z=z)
    return tuple(
        rate for rate in rates if chance_of_at_least(needed, items=items, flip_rate=rate, difference=-margin) > alpha
    )


def worst_chance(*, items: int, margin: float, z: float) -> float:
    """The largest chance over the shares of flips, of a score of at least z in a system worse by the margin."""
    needed = fewest_gained(items=items, margin=margin, z=z)
    return max(
        chance_of_at_least(needed, items=items, flip_rate=rate, difference=-margin) for rate in _flip_rates(margin)
    )


@lru_cache(maxsize=256)
def fewest_gained(*, items: int, margin: float, z: float) -> Counts:
    """For each number of flips from 0 to `items`, how many must be gains for a score at −margin of at least z.

    One more than the flips where even all do not reach it.
    """
    flips = np.arange(items + 1)
    low, high = np.full(items + 1, -1), flips + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        reached = scores(flips - middle, middle, items=items, difference=-margin) >= z
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    high.flags.writeable = False
    return high


def chance_of_at_least(needed: Counts, *, items: int, flip_rate: float, difference: float) -> float:
    """Chance that the gains reach `needed`, given for each number of flips from 0 to `items`.

    The flips are Bin(n, f), and the gains among them Bin(flips, (f + δ)/(2f)).
    """
    flips, weights = flip_weights(items=items, flip_rate=flip_rate)
    among = needed[flips]
    gain = min(1.0, max(0.0, (flip_rate + difference) / (2 * flip_rate)))
    tail = np.where(among <= 0, 1.0, 1.0 - bdtr(np.maximum(among - 1, 0), np.maximum(flips, 1), gain))
    tail = np.where(among > flips, 0.0, tail)
    return float(weights @ tail)


def flip_weights(*, items: int, flip_rate: float) -> tuple[Counts, Floats]:
    """The numbers of flips that happen at all, and the chance of each."""
    spread = _WIDTH * math.sqrt(items * flip_rate * (1 - flip_rate)) + _WIDTH
    centre = items * flip_rate
    flips = np.arange(max(0, math.floor(centre - spread)), min(items, math.ceil(centre + spread)) + 1)
    if flip_rate >= 1:
        return flips, (flips == items).astype(np.float64)
    log = gammaln(items + 1) - gammaln(flips + 1) - gammaln(items - flips + 1)
    return flips, np.exp(log + flips * math.log(flip_rate) + (items - flips) * math.log1p(-flip_rate))


def scores(lost: Counts, gained: Counts, *, items: int, difference: float) -> Floats:
    """`paired_binary.tango_score` of many counts at once."""
    variance = variances(lost, gained, items=items, difference=difference)
    found: Floats = (gained - lost - items * difference) / np.sqrt(items * variance)
    return found


def variances(lost: Counts, gained: Counts, *, items: int, difference: float) -> Floats:
    """`paired_binary.tango_variance` of many counts at once, held above 0."""
    b = -gained - lost + (2 * items - gained + lost) * difference
    product = lost * difference * (1 - difference)
    rate = (np.sqrt(np.maximum(0.0, b * b + 8 * items * product)) - b) / (4 * items)
    found: Floats = np.maximum(2 * rate + difference * (1 - difference), 1e-15)
    return found


def _flip_rates(margin: float) -> tuple[float, ...]:
    """From the margin, where all flips are losses: close together at the small end, where the chance moves."""
    most = max(MOST_FLIPS, margin)
    rates = (margin * (1 + np.geomspace(0.002, 1.0, 24)), np.geomspace(min(2 * margin, most), most, 40))
    return (margin, *(float(rate) for part in rates for rate in part if rate <= most))


def _check(items: int, margin: float) -> None:
    if items < 1 or not 0 < margin < 1:
        raise ValueError(f"wanted at least one item and a margin between 0 and 1, found {items} and {margin}")
