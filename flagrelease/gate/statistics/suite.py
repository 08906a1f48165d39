"""A whole suite of tasks: damage that is spread too thinly for any one of them, and the mean over tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.gate.statistics.paired_binary import p_damage

_AGGREGATES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteDamage:
    """One-sided p values of three aggregates, and their Bonferroni-adjusted smallest, `p`."""

    p_pooled: float
    p_max_drop: float
    p_fisher: float

    @property
    def p(self) -> float:
        """At most alpha with a chance of at most alpha when no task is damaged, tasks being independent."""
        return min(1.0, _AGGREGATES * min(self.p_pooled, self.p_max_drop, self.p_fisher))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteMean:
    """The mean difference over tasks, each with the same weight, and the lower end of its interval."""

    difference: float
    low: float


def suite_damage(flips: Sequence[tuple[int, int]], *, other_p: Sequence[float] = ()) -> SuiteDamage:
    """Pooled, max-drop and Fisher's aggregate over tasks of (lost, gained).

    `other_p` holds damage p values of tasks that are not right-or-wrong; they count in Fisher's aggregate only.
    J. Kübler et al., ICLR 2026 (arXiv 2602.10144); the null of max-drop is exact here, not simulated. Raises
    ValueError when there is no task or a p is outside [0, 1].
    """
    if not flips and not other_p:
        raise ValueError("wanted at least one task, found none")
    own = [p_damage(lost=lost, gained=gained) for lost, gained in flips]
    return SuiteDamage(
        p_pooled=p_damage(lost=sum(b for b, _ in flips), gained=sum(c for _, c in flips)),
        p_max_drop=max_drop(flips),
        p_fisher=fisher((*own, *other_p)),
    )


def max_drop(flips: Sequence[tuple[int, int]]) -> float:
    """P of a largest z = (b − c)/√(b + c) at least as large as the one seen, given each task's number of flips.

    Under no damage b is Bin(b + c, 1/2), task by task, so the chance that all stay below is a product.
    """
    largest = max(((b - c) / math.sqrt(b + c) for b, c in flips if b + c), default=-math.inf)
    if largest == -math.inf:
        return 1.0
    log_below = 0.0
    for flipped in (b + c for b, c in flips if b + c):
        # The smallest b whose z reaches the largest; the slack keeps the very task that set it on the right side.
        lost = math.ceil((flipped + largest * math.sqrt(flipped)) / 2 - 1e-9)
        tail = 0.0 if lost > flipped else p_damage(lost=max(lost, 0), gained=flipped - max(lost, 0))
        if tail >= 1:
            return 1.0
        log_below += math.log1p(-tail)
    return -math.expm1(log_below)


def fisher(p_values: Sequence[float]) -> float:
    """P of −2 Σ ln p under a chi-square with two degrees of freedom a test; conservative for discrete tests.

    R. A. Fisher, Statistical Methods for Research Workers, 4th edition (1932). The tail of a chi-square with an even
    number of degrees is a Poisson sum. Raises ValueError for no p or one outside [0, 1].
    """
    if not p_values or not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"wanted at least one p value, each from 0 to 1, found {list(p_values)}")
    if min(p_values) == 0:
        return 0.0
    half = -math.fsum(map(math.log, p_values))
    if half == 0:
        return 1.0
    return min(1.0, math.fsum(math.exp(k * math.log(half) - half - math.lgamma(k + 1)) for k in range(len(p_values))))


def suite_mean(differences: Sequence[float], lows: Sequence[float]) -> SuiteMean:
    """Mean over independent tasks, with the lower end at the level of the tasks' own lower ends.

    The distances from difference to lower end add up like standard errors, √Σ(δ − l)² / T, so that the interval of the
    mean is as good as the tasks' are, at few flips too: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008),
    1693-1702. Raises ValueError when the lengths differ or there is no task.
    """
    if not differences or len(differences) != len(lows):
        raise ValueError(f"wanted one lower end a task, found {len(lows)} for {len(differences)}")
    mean = math.fsum(differences) / len(differences)
    reach = math.sqrt(math.fsum((one - low) ** 2 for one, low in zip(differences, lows, strict=True)))
    return SuiteMean(difference=mean, low=mean - reach / len(lows))
