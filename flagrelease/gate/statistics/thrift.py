"""The plan of looks with which identical systems need no more than half of the items."""

from typing import Final

from flagrelease.gate.statistics.paths import count_paths
from flagrelease.gate.statistics.sequential import LOOKS, Plan, plan
from flagrelease.gate.statistics.spending import Spending

HALF: Final = 0.5

FUTILITIES: Final = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Chances to pass below which a plan may advise to stop; at a half, passing has become the less likely end."""


def thrifty_plan(
    *,
    items: int,
    margin: float,
    alpha: float,
    failing: float,
    flip_rate: float,
    looks: int = LOOKS,
    spending: Spending = "pocock",
) -> Plan:
    """The mildest advice to stop that brings an identical system to at most half of the items on average.

    Advice to stop costs passes and no error rate, so there should be no more of it than it takes; where the task has
    many items for its margin that is next to none. At the most it is "passing has become less likely than not".
    `flip_rate` is what the policy expects; all of this is settled before the first answer.
    """
    found = None
    for futility in FUTILITIES:
        found = plan(
            items=items,
            margin=margin,
            alpha=alpha,
            failing=failing,
            futility=futility,
            looks=looks,
            spending=spending,
        )
        if count_paths(found, flip_rate=flip_rate).share <= HALF:
            return found
    assert found is not None
    return found
