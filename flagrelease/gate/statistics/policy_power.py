"""How likely a whole policy lets a chip through: identical, or worse by so many points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.gate import Tier
from flagrelease.gate.statistics.power import Chances, Setting, task_chances
from flagrelease.gate.statistics.rule import Levels, Limits

DROPS: Final = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """A task before anything was asked; `flip_rate` is the share of items two equal chips answer differently."""

    name: str
    items: int
    margin: float
    flip_rate: float
    tier: Tier = "critical"
    repeats: int = 1
    min_effect: float = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChances:
    """Of the bundle's decisions when every task's true difference is `difference`; `tasks` in the order given."""

    difference: float
    go: float
    hold: float
    no_go: float
    tasks: tuple[Chances, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The worst chance of GO for a chip that is worse by the margin in one critical `task` alone, which it `passes`."""

    task: str
    go: float
    passes: float


def policy_chances(
    tasks: Sequence[PlannedTask], *, difference: float = 0.0, levels: Levels | None = None
) -> PolicyChances:
    """The claim is an intersection-union: GO needs a pass of every critical task and no bad supporting one.

    NO-GO is a bad critical task or two bad supporting ones; the rest is HOLD. Without a critical task all is NO-GO.
    """
    found = tuple(task_chances(_setting(task, tasks, difference, levels)) for task in tasks)
    return _bundle(tasks, found, difference)


def curve(
    tasks: Sequence[PlannedTask], *, drops: Sequence[float] = DROPS, levels: Levels | None = None
) -> tuple[PolicyChances, ...]:
    """The operating characteristic: one point a drop, given as what is lost (0.05 is worse by 5 points)."""
    return tuple(policy_chances(tasks, difference=0.0 - drop, levels=levels) for drop in drops)


def consumer_risk(tasks: Sequence[PlannedTask], *, levels: Levels | None = None) -> Risk:
    """How often a chip that has lost the margin in one critical task, and nothing elsewhere, still gets GO.

    Raises ValueError when no task is critical.
    """
    critical = [task for task in tasks if task.tier == "critical"]
    if not critical:
        raise ValueError("wanted at least one critical task, found none")
    risks = []
    for worse in critical:
        found = tuple(
            task_chances(_setting(task, tasks, -worse.margin if task is worse else 0.0, levels)) for task in tasks
        )
        passes = found[list(tasks).index(worse)].passes
        risks.append(Risk(task=worse.name, go=_bundle(tasks, found, -worse.margin).go, passes=passes))
    return max(risks, key=lambda risk: risk.go)


def _setting(task: PlannedTask, tasks: Sequence[PlannedTask], difference: float, levels: Levels | None) -> Setting:
    deciding = sum(one.tier != "advisory" for one in tasks)
    return Setting(
        items=task.items,
        limits=Limits(margin=task.margin, min_effect=task.min_effect, levels=levels or Levels()),
        flip_rate=task.flip_rate,
        tasks=max(1, deciding),
        repeats=task.repeats,
        difference=difference,
    )


def _bundle(tasks: Sequence[PlannedTask], found: Sequence[Chances], difference: float) -> PolicyChances:
    critical = [one for task, one in zip(tasks, found, strict=True) if task.tier == "critical"]
    supporting = [one.bad for task, one in zip(tasks, found, strict=True) if task.tier == "supporting"]
    if not critical:
        return PolicyChances(difference=difference, go=0.0, hold=0.0, no_go=1.0, tasks=tuple(found))
    none = math.prod(1 - bad for bad in supporting)
    one = sum(
        bad * math.prod(1 - other for k, other in enumerate(supporting) if k != index)
        for index, bad in enumerate(supporting)
    )
    go = math.prod(one.passes for one in critical) * none
    no_go = 1 - math.prod(1 - one.bad for one in critical) * (none + one)
    return PolicyChances(
        difference=difference, go=go, hold=max(0.0, 1 - go - no_go), no_go=max(0.0, no_go), tasks=tuple(found)
    )
