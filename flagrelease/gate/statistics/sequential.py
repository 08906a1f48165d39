"""Deciding a right-or-wrong task at planned looks: the same error rates, fewer items where the answer is clear.

Items come in the fixed order of `order`. At each look Tango's score at −margin is held against a boundary of
`spending`; that boundary knows the looks' numbers of items and nothing else, so it is fixed before the first answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from flagrelease.gate.statistics.paired_binary import p_damage, tango_score, tango_variance
from flagrelease.gate.statistics.spending import Spending, boundaries, crossings

LOOKS: Final = 10
FUTILITY: Final = 0.42
"""The smallest threshold with which identical systems need half of the items where the full test passes 90 % of them.

It has a price: of those 90 % it lets 75 % pass unattended; without it 83 % would, after 58 % of the items.
"""

Step = Literal["PASS", "FAIL", "FUTILE", "GO-ON", "END"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When to look and what each look needs. `items` rise to the task's number; `passing` are z values.

    `failing` is the McNemar level of one look, so that all looks together keep the task's level.
    """

    items: tuple[int, ...]
    margin: float
    passing: tuple[float, ...]
    failing: float
    futility: float
    spending: Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look says. `chance_to_pass` is that of an identical system at the end, from what has been seen."""

    step: Step
    items: int
    z: float
    needed: float
    chance_to_pass: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Of a system with a given true difference: chance to pass, and the mean share of the items it needs."""

    passes: float
    share: float


def plan(
    *,
    items: int,
    margin: float,
    alpha: float,
    failing: float,
    looks: int = LOOKS,
    spending: Spending = "pocock",
    futility: float = FUTILITY,
) -> Plan:
    """Equally spaced looks over all `items`. `alpha` and `failing` are the one-sided levels of this task.

    `failing` is the task's part of the bundle's (`Levels.failing` by the number of tasks); it is divided by the looks.
    Raises ValueError when there are no items or looks.
    """
    if items < 1 or looks < 1 or not 0 < margin < 1 or not 0 <= futility < 1:
        raise ValueError(
            f"wanted at least one item and look, a margin between 0 and 1 and a futility from 0 to below 1, "
            f"found {items}, {looks}, {margin} and {futility}"
        )
    count = min(looks, items)
    at = tuple(-(-items * k // count) for k in range(1, count + 1))
    shares = tuple(one / items for one in at)
    return Plan(
        items=at,
        margin=margin,
        passing=boundaries(shares, alpha=alpha, spending=spending),
        failing=failing / count,
        futility=futility,
        spending=spending,
    )


def look(plan: Plan, *, number: int, lost: int, gained: int) -> Look:
    """What to do after the look `number`, counted from 0, with all flips up to it.

    PASS and FAIL decide. FUTILE is advice to stop undecided: an identical system would probably not pass any more, and
    a damaged one surely not; going on is allowed and costs no error rate. END is the last look, undecided. Raises
    ValueError for a look that is not planned or flips that do not fit into its items.
    """
    if not 0 <= number < len(plan.items):
        raise ValueError(f"wanted a look from 0 to {len(plan.items) - 1}, found {number}")
    seen, total, needed = plan.items[number], plan.items[-1], plan.passing[number]
    z = tango_score(lost=lost, gained=gained, items=seen, difference=-plan.margin)
    chance = _chance_to_pass(plan, seen=seen, z=z, lost=lost, gained=gained)
    step: Step = "GO-ON"
    if z >= needed:
        step = "PASS"
    elif (gained - lost) / seen < -plan.margin and p_damage(lost=lost, gained=gained) <= plan.failing:
        step = "FAIL"
    elif seen == total:
        step = "END"
    elif chance < plan.futility:
        step = "FUTILE"
    return Look(step=step, items=seen, z=z, needed=needed, chance_to_pass=chance)


def expected(plan: Plan, *, flip_rate: float, difference: float = 0.0) -> Expectation:
    """By the normal approximation behind the boundaries; it is some points too hopeful below about 20 flips."""
    total = plan.items[-1]
    shares = [items / total for items in plan.items]
    drift = (plan.margin + difference) * math.sqrt(total / flip_rate)
    identical = plan.margin * math.sqrt(total / flip_rate)
    ended = crossings(shares, upper=plan.passing, lower=_lower(plan, shares, identical), drift=drift)
    stops = [above + below for above, below in zip(ended.above, ended.below, strict=True)]
    stops[-1] = 1 - sum(stops[:-1])
    share = sum(stop * one for stop, one in zip(stops, shares, strict=True))
    return Expectation(passes=sum(ended.above), share=share)


def _chance_to_pass(plan: Plan, *, seen: int, z: float, lost: int, gained: int) -> float:
    total, last = plan.items[-1], plan.passing[-1]
    if seen == total:
        return 1.0 if z >= last else 0.0
    variance = tango_variance(lost=lost, gained=gained, items=seen, difference=-plan.margin)
    if variance == 0 or math.isinf(z):
        return 1.0 if z > 0 else 0.0
    drift, share = plan.margin * math.sqrt(total / variance), seen / total
    return NormalDist().cdf((z * math.sqrt(share) + drift * (1 - share) - last) / math.sqrt(1 - share))


def _lower(plan: Plan, shares: Sequence[float], identical: float) -> list[float]:
    """The futility threshold as a z for each look, for a drift of identical systems that is known."""
    if plan.futility == 0:
        return [-math.inf] * len(shares)
    quantile = NormalDist().inv_cdf(plan.futility)
    return [
        min(
            top,
            (plan.passing[-1] - identical * (1 - share) + quantile * math.sqrt(1 - share)) / math.sqrt(share),
        )
        for share, top in zip(shares, plan.passing, strict=True)
    ]
