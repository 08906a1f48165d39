"""How likely a policy lets an identical chip pass: the exact counts of `gate power`."""

from collections.abc import Callable, Mapping
from typing import Final

from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Value

ENOUGH: Final = 0.8
"""What an identical chip is to be let through with at least."""


class Passing(Value):
    """Chances for an identical chip, at the flip rates that the policy names: of GO, and of each task to pass."""

    go: float
    tasks: Mapping[str, float]


Count = Callable[[Policy], Passing]


def passing(policy: Policy) -> Passing:
    """Counted over every outcome, in some tens of milliseconds a task; tasks are taken as independent."""
    from flagrelease.gate.planned import levels_of, planned  # noqa: PLC0415 - loads scipy
    from flagrelease.gate.statistics.policy_power import policy_chances  # noqa: PLC0415 - the same

    tasks = planned(policy)
    chances = policy_chances(tasks, levels=levels_of(policy))
    return Passing(
        go=chances.go, tasks={one.name: found.passes for one, found in zip(tasks, chances.tasks, strict=True)}
    )
