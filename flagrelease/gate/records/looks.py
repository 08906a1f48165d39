"""A right-or-wrong task decided at planned looks, over the first items of its fixed order.

The levels are those of `statistics/sequential.py`: each task has its part of the bundle's levels for FAIL and ANOMALY,
each look its part of the task's, and passing spends the policy's level over the looks.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Finding, Stop
from flagrelease.gate.records.asked import Asked
from flagrelease.gate.records.check import Sides
from flagrelease.gate.records.estimate import Estimate, estimate
from flagrelease.gate.records.prefix import Prefix, first_of
from flagrelease.gate.statistics.chance import p_above_chance
from flagrelease.gate.statistics.rule import Levels

if TYPE_CHECKING:
    from flagrelease.gate.statistics.sequential import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The look that counts, with the sides' items and the figures up to it."""

    stop: Stop
    sides: Sides
    figures: Estimate


def is_for_looks(sides: Sides) -> bool:
    """Whether each item has one answer, right or wrong, on both sides."""
    return all(
        one.answers is not None and one.answers.is_binary and not any(one.answers.repeats) for _, one in sides.both
    )


def plan_of(sides: Sides, *, tasks: int) -> "Plan":
    """The task's looks, which depend on the policy alone: on its items, margin, level, flips and number of tasks."""
    return plan_for(sides.asked, sides.policy, tasks=tasks)


def plan_for(asked: Asked, policy: Policy, *, tasks: int) -> "Plan":
    """The same, before there are answers."""
    return _plan(asked.items, asked.margin, policy.alpha, asked.flip_rate, tasks)


@lru_cache(maxsize=256)
def _plan(items: int, margin: float, alpha: float, flip_rate: float, tasks: int) -> "Plan":
    from flagrelease.gate.statistics.thrift import thrifty_plan  # noqa: PLC0415 - loads scipy

    return thrifty_plan(items=items, margin=margin, alpha=alpha, failing=Levels().failing / tasks, flip_rate=flip_rate)


def decide_at_looks(sides: Sides, prefix: Prefix, *, tasks: int) -> Decided | Finding:
    """The first look that decides, or the last one that the files reach.

    Advice to stop is not followed where there are further answers. A Finding where the files do not reach a look.
    """
    from flagrelease.gate.statistics.sequential import look  # noqa: PLC0415 - loads numpy

    plan = plan_of(sides, tasks=tasks)
    reached = [number for number, items in enumerate(plan.items) if items <= prefix.items]
    if not reached:
        text = f"the files go up to item {prefix.items:,} of the order, and the first look is at {plan.items[0]:,}"
        return Finding(id="not-the-order", weight="invalid", text=text)
    right = _right(sides)
    found, lost, gained, before = None, 0, 0, 0
    for number in reached:
        fresh = set(prefix.order[before : plan.items[number]])
        lost += len(fresh & (right[0] - right[1]))
        gained += len(fresh & (right[1] - right[0]))
        found, before = look(plan, number=number, lost=lost, gained=gained), plan.items[number]
        if found.step == "PASS" and found.items < plan.items[-1] and _is_at_chance(sides, right, prefix, found.items):
            # Waiting costs no error rate, and a pass of so few items that a guesser does as well would be held.
            found = replace(found, step="GO-ON")
        if found.step in {"PASS", "FAIL", "ANOMALY", "END"}:
            break
    assert found is not None
    at = plan.items.index(found.items)
    part = first_of(sides, prefix.order, found.items)
    following = plan.items[at + 1] if found.step in {"GO-ON", "FUTILE"} else None
    stop = Stop(
        looks=plan.items,
        look=at + 1,
        step=found.step,
        score=max(-_FAR, min(_FAR, found.z)),
        needed=found.needed,
        chance_to_pass=found.chance_to_pass,
        next_items=following,
    )
    # The interval has the level of the look: its lower end is above −margin exactly where the look passes.
    confidence = 2 * NormalDist().cdf(found.needed) - 1
    return Decided(stop=stop, sides=part, figures=_without_p_margin(estimate(part, confidence)))


_FAR: Final = 1e6


def _is_at_chance(sides: Sides, right: tuple[set[str], set[str]], prefix: Prefix, items: int) -> bool:
    seen = set(prefix.order[:items])
    return any(
        p_above_chance(right=len(one & seen), items=items, chance=sides.asked.chance) >= sides.policy.alpha
        for one in right
    )


def _right(sides: Sides) -> tuple[set[str], set[str]]:
    """What each side answered rightly; both sides have items."""
    reference, target = (
        {item for item, score in zip(one.answers.ids, one.answers.scores, strict=True) if score == 1}
        for _, one in sides.both
        if one.answers is not None
    )
    return reference, target


def _without_p_margin(figures: Estimate) -> Estimate:
    """The exact p of the margin is of a test that looks once."""
    return replace(figures, p_margin=None)
