"""Whether a mean difference of any kind of score is damage: the sign-flip permutation test."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flagrelease.gate.statistics.means import cluster_sums

Floats = NDArray[np.float64]

_STEPS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 30, 40, 50, 60, 100, 120, 200, 300, 600, 1000)
"""Scores that are multiples of one of these parts of 1 are counted exactly: judges' tenths, means of a few repeats."""

_MOST_WORK: Final = 50_000_000
_ENUMERATED: Final = 16
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """One-sided p values. `floor` is the smallest p that the method can give: 0 for the exact one."""

    p_damage: float
    p_gain: float
    method: Literal["exact", "monte-carlo"]
    floor: float


def sign_flip(
    differences: Sequence[float] | Floats,
    *,
    clusters: Sequence[str] | None = None,
    draws: int = 20_000,
    seed: int = 0,
) -> SignFlip:
    """How often the sum of the differences is as low (or as high) when every sign is as likely as its opposite.

    Repeats of an item are averaged before; with `clusters`, whole clusters change sign. Differences of 0 play no part.
    Exact where the differences are multiples of a common step (for right-or-wrong items this is McNemar's test) or at
    most 16 are not 0; else `draws` random sign patterns from `seed`, p = (1 + hits)/(1 + draws), never below
    1/(1 + draws), here `floor`. R. A. Fisher, The Design of Experiments (1935), section 21; add-one p: B. Phipson and
    G. Smyth, Statistical Applications in Genetics 9 (2010), article 39. Raises ValueError for a value that is not
    finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"wanted one finite difference an item, found shape {values.shape}")
    if draws < 1:
        raise ValueError(f"wanted at least one draw, found {draws}")
    values = cluster_sums(values, clusters)
    values = values[np.abs(values) > 1e-12]  # noqa: PLR2004 - what averaging leaves of an equal item
    if not len(values):
        return SignFlip(p_damage=1.0, p_gain=1.0, method="exact", floor=0.0)
    whole = _whole_steps(values)
    if whole is not None:
        return _exact(*_counted(whole))
    if len(values) <= _ENUMERATED:
        return _exact(*_enumerated(values))
    return _drawn(values, draws=draws, seed=seed)


def _exact(damage: float, gain: float) -> SignFlip:
    return SignFlip(p_damage=min(1.0, damage), p_gain=min(1.0, gain), method="exact", floor=0.0)


def _whole_steps(values: Floats) -> NDArray[np.int64] | None:
    """The differences as whole multiples of their common step, where there is one that is not too fine.

    Steps are parts of 1, or of the largest or smallest difference, so that the scale of the scores does not matter.
    """
    for unit in (1.0, float(np.abs(values).max()), float(np.abs(values).min())):
        for part in _STEPS:
            scaled = values * part / unit
            whole = np.rint(scaled)
            if np.abs(scaled - whole).max() < 1e-6:  # noqa: PLR2004 - of one step
                steps = whole.astype(np.int64)
                steps //= np.gcd.reduce(steps)
                return steps if int(np.abs(steps).sum()) * len(steps) <= _MOST_WORK else None
    return None


def _counted(steps: NDArray[np.int64]) -> tuple[float, float]:
    """Distribution of Σ ±|step|, built item by item: chance[k] is that of k steps having a plus."""
    sizes = np.abs(steps)
    chance = np.zeros(int(sizes.sum()) + 1)
    chance[0] = 1.0
    reached = 0
    for size in sizes.tolist():
        moved = chance[: reached + 1] / 2
        chance[: reached + 1] = moved
        chance[size : reached + size + 1] += moved
        reached += size
    plus = int(sizes[steps > 0].sum())
    return float(chance[: plus + 1].sum()), float(chance[plus:].sum())


def _enumerated(values: Floats) -> tuple[float, float]:
    sums = np.zeros(1)
    for value in np.abs(values):
        sums = np.concatenate([sums - value, sums + value])
    slack = 1e-9 * float(np.abs(values).sum())
    return float((sums <= values.sum() + slack).mean()), float((sums >= values.sum() - slack).mean())


def _drawn(values: Floats, *, draws: int, seed: int) -> SignFlip:
    """Signs are the bits of a PCG64 stream, which numpy keeps the same on every machine and version."""
    bits, seen = np.random.PCG64(seed), float(values.sum())
    slack = 1e-9 * float(np.abs(values).sum())
    words = math.ceil(len(values) / 64)
    low = high = 0
    for begin in range(0, draws, _CHUNK):
        rows = min(_CHUNK, draws - begin)
        raw = np.asarray(bits.random_raw(rows * words), dtype="<u8").reshape(rows, words)
        signs = np.unpackbits(raw.view(np.uint8), axis=1)[:, : len(values)]
        # A bit of 0 turns the sign: Σ ±d = 2 Σ bit·d − Σ d.
        sums = 2 * (signs @ values) - seen
        low += int((sums <= seen + slack).sum())
        high += int((sums >= seen - slack).sum())
    floor = 1 / (1 + draws)
    return SignFlip(p_damage=(1 + low) * floor, p_gain=(1 + high) * floor, method="monte-carlo", floor=floor)
