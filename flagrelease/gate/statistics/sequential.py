"""Deciding a right-or-wrong task at planned looks: the same error rates, fewer items where the answer is clear.

Items come in the fixed order of `order`. At each look Tango's score at −margin is held against a boundary of
`spending`; that boundary knows the looks' numbers of items, the margin and the level, so it is fixed before the first
answer.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from flagrelease.gate.statistics.exact_margin import passing_z
from flagrelease.gate.statistics.paired_binary import p_damage, tango_score, tango_variance
from flagrelease.gate.statistics.spending import Spending, boundaries

LOOKS: Final = 10

SUSPICIOUS: Final = 0.05
"""McNemar level at which a gain beyond the margin keeps an early pass waiting; waiting costs no error rate."""

Step = Literal["PASS", "FAIL", "ANOMALY", "FUTILE", "GO-ON", "END"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When to look and what each look needs. `items` rise to the task's number; `passing` are z values.

    `failing` and `anomaly` are the McNemar levels of one look, so that all looks together keep the task's.
    """

    items: tuple[int, ...]
    margin: float
    passing: tuple[float, ...]
    failing: float
    anomaly: float
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


def plan(
    *,
    items: int,
    margin: float,
    alpha: float,
    failing: float,
    futility: float,
    anomaly: float | None = None,
    looks: int = LOOKS,
    spending: Spending = "pocock",
) -> Plan:
    """Equally spaced looks over all `items`. `alpha`, `failing` and `anomaly` are the one-sided levels of this task.

    `failing` is the task's part of the bundle's (`Levels.failing` by the number of tasks) and is divided by the looks;
    so is `anomaly`, which is the same level where it is not given.
    `futility` is the chance of an identical system to pass below which it is not worth going on; `thrift` chooses one.
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
    # What the fixed test adds to its quantile to keep its level exactly is added at every look; with one look both are
    # the same test.
    extra = passing_z(items=items, margin=margin, alpha=alpha) - NormalDist().inv_cdf(1 - alpha)
    return Plan(
        items=at,
        margin=margin,
        passing=tuple(z + extra for z in boundaries(shares, alpha=alpha, spending=spending)),
        failing=failing / count,
        anomaly=(failing if anomaly is None else anomaly) / count,
        futility=futility,
        spending=spending,
    )


def look(plan: Plan, *, number: int, lost: int, gained: int) -> Look:
    """What to do after the look `number`, counted from 0, with all flips up to it.

    PASS, FAIL and ANOMALY decide, as in `rule`. FUTILE is advice to stop undecided: an identical system would probably
    not pass any more, and a damaged one surely not; going on is allowed and costs no error rate. GO-ON is also said of
    a pass whose gain looks too good, until the gain is no more suspicious or is an ANOMALY. END is the last look,
    undecided. Raises ValueError for a look that is not planned or flips that do not fit into its items.
    """
    if not 0 <= number < len(plan.items):
        raise ValueError(f"wanted a look from 0 to {len(plan.items) - 1}, found {number}")
    seen, needed = plan.items[number], plan.passing[number]
    z = tango_score(lost=lost, gained=gained, items=seen, difference=-plan.margin)
    chance = _chance_to_pass(plan, seen=seen, z=z, lost=lost, gained=gained)
    step = _step(plan, number, lost, gained, z=z, chance=chance)
    return Look(step=step, items=seen, z=z, needed=needed, chance_to_pass=chance)


def _step(plan: Plan, number: int, lost: int, gained: int, *, z: float, chance: float) -> Step:
    seen, needed = plan.items[number], plan.passing[number]
    is_last, p_gain = seen == plan.items[-1], p_damage(lost=gained, gained=lost)
    # The gain's score at +margin is the negative of that of the exchanged sides at −margin.
    gain = -tango_score(lost=gained, gained=lost, items=seen, difference=-plan.margin)
    if gain >= needed and p_gain <= plan.anomaly:
        return "ANOMALY"
    if z >= needed:
        is_suspicious = gained - lost > plan.margin * seen and p_gain <= SUSPICIOUS
        return "GO-ON" if is_suspicious and not is_last else "PASS"
    if lost - gained > plan.margin * seen and p_damage(lost=lost, gained=gained) <= plan.failing:
        return "FAIL"
    if is_last:
        return "END"
    return "FUTILE" if chance < plan.futility else "GO-ON"


def _chance_to_pass(plan: Plan, *, seen: int, z: float, lost: int, gained: int) -> float:
    total, last = plan.items[-1], plan.passing[-1]
    if seen == total:
        return 1.0 if z >= last else 0.0
    variance = tango_variance(lost=lost, gained=gained, items=seen, difference=-plan.margin)
    if variance == 0 or math.isinf(z):
        return 1.0 if z > 0 else 0.0
    drift, share = plan.margin * math.sqrt(total / variance), seen / total
    return NormalDist().cdf((z * math.sqrt(share) + drift * (1 - share) - last) / math.sqrt(1 - share))
