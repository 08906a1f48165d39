"""Two sides answering the same right-or-wrong items.

Of n items, `lost` (b) were right on the reference and wrong on the target, `gained` (c) the other way round; the
difference target − reference is (c − b)/n.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_HALVINGS: Final = 60
"""Enough to bring an interval of length 2 below a float's resolution near 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Exact p values of one set of flips, under the hypothesis that both directions are as likely."""

    p_damage: float
    p_gain: float
    p_two_sided: float


def tango_interval(*, lost: int, gained: int, items: int, confidence: float) -> tuple[float, float]:
    """Score interval of a paired difference of proportions, in fractions within [-1, 1].

    `confidence` is two-sided, in (0, 1). T. Tango, Statistics in Medicine 17 (1998), 891-908. Raises ValueError when
    the counts do not fit into `items`.
    """
    _check_items(lost, gained, items)
    if not 0 < confidence < 1:
        raise ValueError(f"wanted a confidence between 0 and 1, found {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    # The lower bound is the upper one with the sides exchanged, so the interval is antisymmetric to the last bit.
    return -_upper_bound(gained, lost, items, z), _upper_bound(lost, gained, items, z)


def tango_score(*, lost: int, gained: int, items: int, difference: float) -> float:
    """Tango's score statistic: how many standard errors the counts lie above this true difference.

    The lower end of `tango_interval` is above −margin exactly where the score at −margin is above its z. Infinite where
    the counts are impossible under that difference. Raises ValueError as the interval does.
    """
    _check_items(lost, gained, items)
    if not -1 <= difference <= 1:
        raise ValueError(f"wanted a difference from -1 to 1, found {difference}")
    excess = gained - lost - items * difference
    variance = items * _variance(lost, gained, items, difference)
    if variance > 0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0


def mcnemar_exact(*, lost: int, gained: int) -> McNemar:
    """Both one-sided p values and the two-sided one, which is twice the smaller and at most 1.

    Q. McNemar, Psychometrika 12 (1947), 153-157, with exact binomial tails. Raises ValueError for negative counts.
    """
    damage, gain = p_damage(lost=lost, gained=gained), p_damage(lost=gained, gained=lost)
    return McNemar(p_damage=damage, p_gain=gain, p_two_sided=min(1.0, 2 * min(damage, gain)))


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


def tango_variance(*, lost: int, gained: int, items: int, difference: float) -> float:
    """Of one item's difference, at the most likely loss rate q if the true difference were this: 2q + δ(1 − δ).

    Raises ValueError as the interval does.
    """
    _check_items(lost, gained, items)
    return _variance(lost, gained, items, difference)


def standard_error(*, lost: int, gained: int, items: int) -> float:
    """Of the difference (c − b)/n, as a plain mean of −1, 0 and 1: √(b + c − (b − c)²/n) / n.

    For sums over tasks only; for one task it is too small at few flips, which `tango_interval` is not.
    """
    _check_items(lost, gained, items)
    return math.sqrt(max(0.0, lost + gained - (lost - gained) ** 2 / items)) / items


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
    b = -gained - lost + (2 * items - gained + lost) * difference
    product = lost * difference * (1 - difference)
    rate = (math.sqrt(max(0.0, b * b + 8 * items * product)) - b) / (4 * items)
    # Rounding may leave a little below zero where nothing can flip.
    return max(0.0, 2 * rate + difference * (1 - difference))


def _check_items(lost: int, gained: int, items: int) -> None:
    _check_counts(lost, gained, items)
    if items == 0:
        raise ValueError("wanted at least one item")


def _check_counts(lost: int, gained: int, items: int) -> None:
    if min(lost, gained) < 0 or lost + gained > items:
        raise ValueError(f"wanted flips within the items, found {lost} lost and {gained} gained of {items}")
