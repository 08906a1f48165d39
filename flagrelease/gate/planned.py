"""A policy's tasks before anything was asked, as the counts of power take them."""

from flagrelease.domain.gate import Policy
from flagrelease.gate.statistics.policy_power import PlannedTask
from flagrelease.gate.statistics.rule import Levels


def levels_of(policy: Policy) -> Levels:
    """The levels at which a policy's tasks are judged."""
    return Levels(passing=policy.alpha, warning=policy.alpha)


def planned(policy: Policy, *, flip_rate: float | None = None) -> tuple[PlannedTask, ...]:
    """Every task of the policy; `flip_rate` takes the place of what tasks name."""
    effect = policy.min_effect_pt / 100
    own = [
        PlannedTask(
            name=name,
            items=task.selection.count,
            margin=task.margin_pt / 100,
            flip_rate=flip_rate or task.flip_rate,
            tier=task.tier,
            min_effect=effect,
        )
        for name, task in policy.tasks.items()
    ]
    asked = [
        PlannedTask(
            name=name,
            items=task.items,
            margin=task.margin_pt / 100,
            flip_rate=flip_rate or task.flip_rate,
            tier=task.tier,
            repeats=task.repeats,
            min_effect=effect,
        )
        for name, task in policy.harness_tasks.items()
    ]
    return (*own, *asked)
