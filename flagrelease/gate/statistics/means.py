"""Scores that are more than right or wrong, or were taken several times: the mean of the items' differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """Of `items` differences in `clusters` groups that are independent of each other; `degrees` are of t."""

    difference: float
    stderr: float
    degrees: int
    interval: tuple[float, float]
    items: int
    clusters: int


def item_differences(reference: Sequence[Sequence[float]], target: Sequence[Sequence[float]]) -> Floats:
    """Of each item, the mean of the target's repeats minus that of the reference's: shape (items,).

    Both are (items, repeats); the sides may differ in repeats, the items of one side may not. Repeats of an item are
    averaged first because they share the item: counting them as items would claim more evidence than there is.
    Raises ValueError when the sides do not hold the same number of items, or a score is not finite.
    """
    if len(reference) != len(target) or not len(reference):
        raise ValueError(f"wanted the same items on both sides, found {len(reference)} and {len(target)}")
    return _means("target", target) - _means("reference", reference)


def mean_difference(
    differences: Sequence[float] | Floats,
    *,
    confidence: float,
    clusters: Sequence[str] | None = None,
    span: float = 1.0,
) -> MeanDifference:
    """Mean of item differences with its t interval; with `clusters`, one name an item, robust to their dependence.

    Without clusters SE = s/√n and n − 1 degrees. With G clusters SE = √(G/(G−1) · Σ_g (Σ_{i∈g} (d_i − d̄))²) / n and
    G − 1 degrees (K.-Y. Liang and S. Zeger, Biometrika 73 (1986), 13-22, with the small-sample factor of
    A. C. Cameron and D. L. Miller, Journal of Human Resources 50 (2015), 317-372; for evaluations E. Miller,
    arXiv 2411.00640). `span` is the largest difference an item can have. No half of the interval is shorter than
    span · z²/(G + z²), what right-or-wrong items without a flip have: scores that happen to be equal prove no equality.
    Raises ValueError for fewer than two clusters or a difference beyond the span.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or (np.abs(values) > span * (1 + 1e-9)).any():
        raise ValueError(f"wanted one finite difference an item, none beyond {span}, found shape {values.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"wanted a confidence between 0 and 1, found {confidence}")
    mean = float(values.mean()) if len(values) else 0.0
    sums = cluster_sums(values - mean, clusters)
    groups = len(sums)
    if groups < 2:  # noqa: PLR2004 - a variance needs two
        raise ValueError(f"wanted at least two independent items or clusters, found {groups}")
    stderr = math.sqrt(groups / (groups - 1) * float(sums @ sums)) / len(values)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = max(float(stdtrit(groups - 1, (1 + confidence) / 2)) * stderr, span * z * z / (groups + z * z))
    return MeanDifference(
        difference=mean,
        stderr=stderr,
        degrees=groups - 1,
        interval=(mean - half, mean + half),
        items=len(values),
        clusters=groups,
    )


def mean_not_worse(found: MeanDifference, *, margin: float, span: float = 1.0) -> float:
    """One-sided p of the hypothesis that the target is worse by the margin or more; agrees with the interval.

    The t test, or where the interval's floor is wider, the level at which that floor reaches −margin.
    """
    room = found.difference + margin
    if room <= 0:
        return 1.0 if found.stderr == 0 else float(stdtr(found.degrees, -room / found.stderr))
    by_t = 0.0 if found.stderr == 0 else float(stdtr(found.degrees, -room / found.stderr))
    # span · z²/(G + z²) = room, solved for z.
    by_floor = 0.0 if room >= span else NormalDist().cdf(-math.sqrt(found.clusters * room / (span - room)))
    return max(by_t, by_floor)


def cluster_sums(values: Floats, clusters: Sequence[str] | None) -> Floats:
    """Sum of the values of each cluster, in the order of the clusters' names; the values where there are none.

    Raises ValueError when there is not one name a value.
    """
    if clusters is None:
        return values
    if len(clusters) != len(values):
        raise ValueError(f"wanted one cluster an item, found {len(clusters)} for {len(values)} items")
    _, index = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    return np.bincount(index, weights=values).astype(np.float64)


def _means(side: str, scores: Sequence[Sequence[float]]) -> Floats:
    repeats = {len(item) for item in scores}
    if len(repeats) != 1 or 0 in repeats:
        raise ValueError(f"wanted as many repeats of each item on the {side}, found {sorted(repeats)}")
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"wanted finite scores on the {side}, found one that is not")
    means: Floats = values.mean(axis=1)
    return means
