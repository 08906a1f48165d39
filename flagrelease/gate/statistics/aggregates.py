"""Two scores without their items: independent proportions, or means with a standard error.

Items that both sides answered cannot be paired here, so the interval is about twice as wide as a paired one would be.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One side: `right` of `items`. `right` need not be whole, since published scores are rounded."""

    right: float
    items: int

    def __post_init__(self) -> None:
        if self.items < 1 or not 0 <= self.right <= self.items:
            raise ValueError(f"wanted right answers within at least one item, found {self.right} of {self.items}")

    @property
    def rate(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right / self.items


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """A one-sided test of the hypothesis that the target is worse by the margin or more."""

    z: float
    p: float


def newcombe_interval(reference: Score, target: Score, *, confidence: float) -> tuple[float, float]:
    """Of target − reference, from both sides' Wilson intervals by square-and-add; two-sided `confidence`.

    R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    z = _quantile(confidence)
    (ref_low, ref_high), (low, high) = _wilson(reference, z), _wilson(target, z)
    difference = target.rate - reference.rate
    down = math.hypot(target.rate - low, ref_high - reference.rate)
    up = math.hypot(high - target.rate, reference.rate - ref_low)
    return difference - down, difference + up


def miettinen_nurminen_interval(reference: Score, target: Score, *, confidence: float) -> tuple[float, float]:
    """Score interval of target − reference; two-sided `confidence`.

    O. Miettinen and M. Nurminen, Statistics in Medicine 4 (1985), 213-226, with their variance factor N/(N − 1).
    """
    z = _quantile(confidence)
    return -_upper(target, reference, z), _upper(reference, target, z)


def not_worse(reference: Score, target: Score, *, margin: float) -> NonInferiority:
    """Miettinen and Nurminen's score test that target − reference is above −margin.

    Raises ValueError for a margin outside [0, 1).
    """
    if not 0 <= margin < 1:
        raise ValueError(f"wanted a margin of at least 0 and below 1, found {margin}")
    z = score_statistic(reference, target, difference=-margin)
    return NonInferiority(z=z, p=NormalDist().cdf(-z))


def means_not_worse(
    *, difference: float, reference_stderr: float, target_stderr: float, margin: float
) -> NonInferiority:
    """The z of two published means with their standard errors: (difference + margin) / √(SE² + SE²).

    Raises ValueError when neither side states an error above 0, since such a z would be certain of anything.
    """
    stderr = math.hypot(reference_stderr, target_stderr)
    if stderr <= 0:
        raise ValueError("wanted a standard error above 0 on at least one side, found none")
    z = (difference + margin) / stderr
    return NonInferiority(z=z, p=NormalDist().cdf(-z))


def score_statistic(reference: Score, target: Score, *, difference: float) -> float:
    """How many standard errors the scores lie above this true difference, at the most likely rates under it."""
    low = _likely_reference_rate(reference, target, difference)
    high = min(1.0, max(0.0, low + difference))
    both = reference.items + target.items
    variance = (high * (1 - high) / target.items + low * (1 - low) / reference.items) * both / (both - 1)
    excess = target.rate - reference.rate - difference
    if variance > 0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0


def _likely_reference_rate(reference: Score, target: Score, difference: float) -> float:
    """The reference's most likely rate if the target's were higher by `difference`: the cubic's middle root."""
    both, right = reference.items + target.items, reference.right + target.right
    l2 = (target.items + 2 * reference.items) * difference - both - right
    l1 = (reference.items * difference - both - 2 * reference.right) * difference + right
    l0 = reference.right * difference * (1 - difference)
    third = l2 / (3 * both)
    q = third**3 - l1 * l2 / (6 * both * both) + l0 / (2 * both)
    p = math.copysign(math.sqrt(max(0.0, third * third - l1 / (3 * both))), q)
    angle = math.pi if p == 0 else math.pi + math.acos(max(-1.0, min(1.0, q / p**3)))
    return min(1 - max(difference, 0.0), max(-min(difference, 0.0), 2 * p * math.cos(angle / 3) - third))


def _upper(reference: Score, target: Score, z: float) -> float:
    low, high = target.rate - reference.rate, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if score_statistic(reference, target, difference=middle) < -z:
            high = middle
        else:
            low = middle
    return high


def _wilson(score: Score, z: float) -> tuple[float, float]:
    """E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212."""
    centre = (score.rate + z * z / (2 * score.items)) / (1 + z * z / score.items)
    spread = score.rate * (1 - score.rate) / score.items + z * z / (4 * score.items**2)
    half = z * math.sqrt(spread) / (1 + z * z / score.items)
    return max(0.0, centre - half), min(1.0, centre + half)


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"wanted a confidence between 0 and 1, found {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)
