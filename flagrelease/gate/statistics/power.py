"""How likely one task ends in each decision, when its true difference and share of flips are known.

Counted over every outcome, with the rule of `rule` as it decides; where items are answered or judged several times, by
the normal approximation.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr  # type: ignore[import-untyped]

from flagrelease.gate.statistics.exact_margin import fewest_gained, flip_weights, passing_z
from flagrelease.gate.statistics.rule import Limits

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_NEVER: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Of one task's decisions; what is left of 1 is INCONCLUSIVE. `warns` is the part of `passes` that is PASS_WARN."""

    passes: float
    warns: float
    fails: float
    anomaly: float

    @property
    def inconclusive(self) -> float:
        """Neither shown to be within the margin nor shown to be damaged."""
        return max(0.0, 1 - self.passes - self.fails - self.anomaly)

    @property
    def bad(self) -> float:
        """FAIL or ANOMALY: what makes a critical task's bundle NO-GO."""
        return self.fails + self.anomaly


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A task to be judged: `tasks` is the number of those among which the bundle's levels are divided."""

    items: int
    limits: Limits
    flip_rate: float
    tasks: int = 1
    repeats: int = 1
    difference: float = 0.0

    def __post_init__(self) -> None:
        if self.items < 1 or self.tasks < 1 or self.repeats < 1:
            raise ValueError(
                f"wanted at least one item, task and repeat, found {self.items}, {self.tasks} and {self.repeats}"
            )
        if not 0 < self.flip_rate <= 1 or not -1 <= self.difference <= 1:
            raise ValueError(
                f"wanted a flip rate above 0 and at most 1 and a difference from -1 to 1, "
                f"found {self.flip_rate} and {self.difference}"
            )

    @property
    def flips(self) -> float:
        """The share of flips: a system that is worse by d flips at least d of its answers."""
        return max(self.flip_rate, abs(self.difference))


@lru_cache(maxsize=8192)
def task_chances(setting: Setting) -> Chances:
    """Holm's p is taken as the task's p times `tasks`: what Holm gives the smallest one, so never too hopeful."""
    return _counted(setting) if setting.repeats == 1 else _approximate(setting)


def _counted(setting: Setting) -> Chances:
    items, limits, levels = setting.items, setting.limits, setting.limits.levels
    flips, weights = flip_weights(items=items, flip_rate=setting.flips)
    gain = min(1.0, max(0.0, (setting.flips + setting.difference) / (2 * setting.flips)))

    def at_least(gained: Counts) -> Floats:
        tail = 1.0 - bdtr(np.clip(gained - 1, 0, np.maximum(flips, 1)), np.maximum(flips, 1), gain)
        return np.where(gained <= 0, 1.0, np.where(gained > flips, 0.0, tail))

    z = passing_z(items=items, margin=limits.margin, alpha=levels.passing)
    passing = fewest_gained(items=items, margin=limits.margin, z=z)[flips]
    # With the sides exchanged a gain is a loss: the interval's lower end is above +margin where few enough are lost.
    normal = NormalDist().inv_cdf(1 - levels.passing)
    gaining = flips - _most_lost(items, limits.margin, normal)[flips]
    anomaly = np.maximum(gaining, fewest_for(flips, levels.anomaly / setting.tasks))
    failing = flips - np.maximum(
        fewest_for(flips, levels.failing / setting.tasks), _above((flips + items * limits.margin) / 2)
    )
    warning = flips - np.maximum(
        fewest_for(flips, levels.warning / setting.tasks), _above((flips + items * limits.min_effect) / 2)
    )
    is_anomaly, is_passing = at_least(anomaly), at_least(np.minimum(passing, anomaly))
    return Chances(
        passes=float(weights @ (is_passing - is_anomaly)),
        warns=float(weights @ np.maximum(0.0, at_least(passing) - at_least(np.maximum(passing, warning + 1)))),
        fails=float(weights @ (1.0 - at_least(failing + 1))),
        anomaly=float(weights @ is_anomaly),
    )


def _most_lost(items: int, margin: float, z: float) -> Counts:
    """For each number of flips, how many losses still leave the gain's lower end above the margin; −1 for none.

    The gain's score at +margin is the negative of the exchanged counts' score at −margin.
    """
    # Exchanged: `gained` of the formula is what is lost here, and its score has to be at most −z.
    return fewest_gained(items=items, margin=margin, z=-z) - 1


def fewest_for(flips: Counts, level: float) -> Counts:
    """For each number of flips, how many must go one way for an exact McNemar p of at most `level`.

    One more than the flips where even all do not suffice.
    """
    low, high = np.full(len(flips), -1), flips + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        p = np.where(middle <= 0, 1.0, bdtr(flips - np.maximum(middle, 1), np.maximum(flips, 1), 0.5))
        low, high = np.where(p <= level, low, middle), np.where(p <= level, middle, high)
    return high


def _above(limit: Floats) -> Counts:
    """The smallest whole number above."""
    found: Counts = np.floor(limit + 1e-9).astype(np.int64) + 1
    return found


def _approximate(setting: Setting) -> Chances:
    """Item means of K repeats: the standard error is √((f − δ²)/(nK)), as far as flips are not the items' own."""
    normal, limits, levels = NormalDist(), setting.limits, setting.limits.levels
    variance = max(1e-12, setting.flips - setting.difference**2)
    stderr = math.sqrt(variance / (setting.items * setting.repeats))

    def above(limit: float) -> float:
        return normal.cdf((setting.difference - limit) / stderr)

    def z(level: float) -> float:
        return normal.inv_cdf(1 - level)

    anomaly = above(max(limits.margin + z(levels.passing) * stderr, z(levels.anomaly / setting.tasks) * stderr))
    fails = 1 - above(min(-limits.margin, -z(levels.failing / setting.tasks) * stderr))
    passing = -limits.margin + z(levels.passing) * stderr
    warning = min(-limits.min_effect, -z(levels.warning / setting.tasks) * stderr)
    return Chances(
        passes=max(0.0, above(passing) - anomaly),
        warns=max(0.0, above(passing) - above(warning)) if warning > passing else 0.0,
        fails=fails,
        anomaly=anomaly,
    )
