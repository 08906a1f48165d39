"""Tasks scored by a judge, or answered several times: how much of the noise repeats take away, and how many help."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from flagrelease.gate.statistics.means import item_differences


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeNoise:
    """Variances of one item's score, from scores of shape (items, repeats) on both sides.

    `repeat_variance` is that of a single repeat, reference and target together; `item_variance` is what is left of the
    items' differences when repeats are without end; both are per item. `repeats` is the smaller number of the sides.
    """

    items: int
    repeats: int
    repeat_variance: float
    item_variance: float
    difference_variance: float

    @property
    def share_of_repeats(self) -> float:
        """How much of the measured variance comes from judging or sampling again, 0 to 1."""
        if self.difference_variance == 0:
            return 0.0
        return 1 - self.item_variance / self.difference_variance

    def stderr_at(self, repeats: int) -> float:
        """Of the mean difference when each side has this many repeats."""
        if repeats < 1:
            raise ValueError(f"wanted at least one repeat, found {repeats}")
        return math.sqrt((self.item_variance + self.repeat_variance / repeats) / self.items)


def judge_noise(reference: Sequence[Sequence[float]], target: Sequence[Sequence[float]]) -> JudgeNoise:
    """Variance components of item × repeat, by the method of moments of a balanced one-way layout.

    With K repeats a side the variance of an item's difference is τ² + (σ_ref² + σ_tgt²)/K; σ² is the mean over items
    of the sample variance of their repeats, and τ² the rest, at least 0. S. R. Searle, G. Casella and
    C. E. McCulloch, Variance Components (1992), chapter 3. Raises ValueError for fewer than two items or repeats.
    """
    differences = item_differences(reference, target)
    before, after = np.asarray(reference, dtype=np.float64), np.asarray(target, dtype=np.float64)
    fewest = min(before.shape[1], after.shape[1])
    if len(differences) < 2 or fewest < 2:  # noqa: PLR2004 - a variance needs two
        raise ValueError(f"wanted at least two items and two repeats, found {len(differences)} and {fewest}")
    within = [float(side.var(axis=1, ddof=1).mean()) for side in (before, after)]
    measured = float(differences.var(ddof=1))
    by_repeats = within[0] / before.shape[1] + within[1] / after.shape[1]
    return JudgeNoise(
        items=len(differences),
        repeats=fewest,
        repeat_variance=within[0] + within[1],
        item_variance=max(0.0, measured - by_repeats),
        difference_variance=measured,
    )


def repeats_needed(noise: JudgeNoise, *, margin: float, alpha: float, power: float = 0.8) -> int | None:
    """Repeats on each side after which equal sides pass with this power; None where only more items help.

    From (z(1−α) + z(power))² (τ² + σ²/K)/n ≤ Δ².
    """
    if not 0 < margin < 1:
        raise ValueError(f"wanted a margin between 0 and 1, found {margin}")
    normal = NormalDist()
    allowed = noise.items * (margin / (normal.inv_cdf(1 - alpha) + normal.inv_cdf(power))) ** 2 - noise.item_variance
    if allowed <= 0:
        return None
    return max(1, math.ceil(noise.repeat_variance / allowed))
