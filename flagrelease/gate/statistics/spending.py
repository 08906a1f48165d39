"""Boundaries of a test that looks several times: its level is spent little by little.

The score is treated as a Brownian motion seen at its share of the information, whose boundaries depend on the looks
alone: K. K. G. Lan and D. L. DeMets, Biometrika 70 (1983), 659-663, by the recursion of P. Armitage, C. K. McPherson
and B. C. Rowe, Journal of the Royal Statistical Society A 132 (1969), 235-244. No simulation is involved.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Spending = Literal["pocock", "obrien-fleming"]

_POINTS: Final = 801
"""Of each integral by Simpson's rule: good to six digits."""

_FAR: Final = 8.0
"""Standard deviations beyond which no path is followed."""

_HALVINGS: Final = 50


def spent(share: float, *, alpha: float, spending: Spending) -> float:
    """Level spent when `share` of the information is in, one-sided.

    Lan and DeMets' functions: `pocock` α ln(1 + (e − 1)t), which stops early, and `obrien-fleming` 2 − 2Φ(z(α/2)/√t),
    which saves less and gives up hardly any power.
    """
    if not 0 < share <= 1:
        raise ValueError(f"wanted a share of the information above 0 and at most 1, found {share}")
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * share)
    normal = NormalDist()
    return 2 * normal.cdf(-normal.inv_cdf(1 - alpha / 2) / math.sqrt(share))


@lru_cache(maxsize=256)
def boundaries(shares: tuple[float, ...], *, alpha: float, spending: Spending) -> tuple[float, ...]:
    """The z that each look has to reach, so that the level spent by then is what `spent` says.

    `shares` rise to 1. A lower boundary is not counted on: whoever goes on beyond one keeps the level.
    """
    _check(shares)
    found: list[float] = []
    used = 0.0
    points, density, before = np.zeros(1), np.ones(1), 0.0
    for share in shares:
        now = spent(share, alpha=alpha, spending=spending)
        spread = math.sqrt(share - before)
        low, high = -_FAR * math.sqrt(share), _FAR * math.sqrt(share)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            above = float(density @ ndtr((points - middle) / spread))
            low, high = (middle, high) if above > now - used else (low, middle)
        found.append(high / math.sqrt(share))
        points, density = _next(points, density, (-_FAR * math.sqrt(share), high), spread)
        used, before = now, share
    return tuple(found)


def _next(points: Floats, density: Floats, between: tuple[float, float], spread: float) -> tuple[Floats, Floats]:
    """The weighted density of paths that are still between the boundaries, one increment later."""
    grid = np.linspace(*between, _POINTS)
    step = (between[1] - between[0]) / (_POINTS - 1)
    simpson = np.where(np.arange(_POINTS) % 2, 4.0, 2.0)
    simpson[[0, -1]] = 1.0
    moved = (grid[:, None] - points[None, :]) / spread
    kernel = np.exp(-moved * moved / 2) / (spread * math.sqrt(2 * math.pi))
    return grid, (kernel @ density) * simpson * step / 3


def _check(shares: Sequence[float]) -> None:
    if not shares or shares[-1] != 1 or any(b <= a for a, b in zip((0.0, *shares), shares, strict=False)):
        raise ValueError(f"wanted shares of the information that rise to 1, found {list(shares)}")
