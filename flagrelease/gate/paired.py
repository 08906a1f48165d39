"""Statistics of two sides answering the same right-or-wrong items.

Of n items, `lost` (b) were right on the reference and wrong on the target, `gained` (c) the other way round; the
difference target − reference is (c − b)/n. Only the standard library: scipy takes longer to import than a build with
nothing to do may last.
"""

import math
from statistics import NormalDist
from typing import Final

_HALVINGS: Final = 60
"""Enough to bring an interval of length 2 below a float's resolution near 1."""


def tango_interval(*, lost: int, gained: int, items: int, confidence: float) -> tuple[float, float]:
    """Score interval of a paired difference of proportions, in fractions within [-1, 1].

    `confidence` is two-sided, in (0, 1). T. Tango, Statistics in Medicine 17 (1998), 891-908. Raises ValueError when
    the counts do not fit into `items`.
    """
    _check_counts(lost, gained, items)
    if items == 0:
        raise ValueError("wanted at least one item")
    if not 0 < confidence < 1:
        raise ValueError(f"wanted a confidence between 0 and 1, found {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    # The lower bound is the upper one with the sides exchanged, so the interval is antisymmetric to the last bit.
    return -_upper_bound(gained, lost, items, z), _upper_bound(lost, gained, items, z)


def p_damage(*, lost: int, gained: int) -> float:
    """Exact one-sided McNemar p: the chance of so many losses among the flips if both directions were as likely.

    P(Bin(b + c, 1/2) >= b), from whole numbers; 1 when nothing flipped or was lost.
    """
    _check_counts(lost, gained, lost + gained)
    flips = lost + gained
    ways, term = 0, 1
    # From the smaller end: P(X >= b) = P(X <= c).
    for k in range(gained + 1):
        ways += term
        term = term * (flips - k) // (k + 1)
    return ways / (1 << flips)


def items_for_margin(*, flip_rate: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Items after which equal sides pass a margin with this power, when `flip_rate` of the answers differ.

    n = (z(1−α) + z(power))² · f / Δ², and never less than an interval without any flip needs: z² (1−Δ)/Δ.
    `margin` is a fraction, `alpha` one-sided.
    """
    normal = NormalDist()
    z = normal.inv_cdf(1 - alpha)
    by_power = (z + normal.inv_cdf(power)) ** 2 * flip_rate / margin**2
    by_width = z**2 * (1 - margin) / margin
    return math.ceil(max(by_power, by_width))


def _upper_bound(lost: int, gained: int, items: int, z: float) -> float:
    """The largest difference that the counts do not contradict: the root of score² = z² above the estimate."""
    low, high = (gained - lost) / items, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        score = gained - lost - items * middle
        if score * score > z * z * items * _variance(lost, gained, items, middle):
            high = middle
        else:
            low = middle
    return high


def _variance(lost: int, gained: int, items: int, difference: float) -> float:
    """Per item, at the most likely loss rate q if the true difference were this: 2q + δ(1 − δ)."""
    b = -gained - lost + (2 * items - gained + lost) * difference
    product = lost * difference * (1 - difference)
    rate = (math.sqrt(max(0.0, b * b + 8 * items * product)) - b) / (4 * items)
    # Rounding may leave a little below zero where nothing can flip.
    return max(0.0, 2 * rate + difference * (1 - difference))


def _check_counts(lost: int, gained: int, items: int) -> None:
    if min(lost, gained) < 0 or lost + gained > items:
        raise ValueError(f"wanted flips within the items, found {lost} lost and {gained} gained of {items}")
