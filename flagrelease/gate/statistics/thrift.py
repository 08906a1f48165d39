"""The plan of looks with which identical systems need no more than half of the items."""

from typing import Final

from flagrelease.gate.statistics.margins import ENOUGH
from flagrelease.gate.statistics.paths import count_paths
from flagrelease.gate.statistics.power import Setting, task_chances
from flagrelease.gate.statistics.rule import Limits
from flagrelease.gate.statistics.sequential import LOOKS, Plan, plan
from flagrelease.gate.statistics.spending import Spending

HALF: Final = 0.5

FUTILITIES: Final = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Chances to pass below which a plan may advise to stop; at a half, passing has become the less likely end."""

KEENER: Final = tuple((looks, futility) for looks in (10, 12, 15, 20, 7, 6, 5) for futility in (0.5, 0.6, 0.7))
"""Looks and advice for tasks of so few flips that no milder plan saves half; their early looks cannot pass at all."""


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
    many items for its margin that is next to none. Mostly it is at the most "passing has become less likely than not";
    where that saves too little although the full test passes identical systems with 90 %, the one of `KEENER` that
    passes most often, and where nothing saves half, the former.
    `flip_rate` is what the policy expects; all of this is settled before the first answer.
    """

    def made(looks: int, futility: float) -> Plan:
        return plan(
            items=items,
            margin=margin,
            alpha=alpha,
            failing=failing,
            futility=futility,
            looks=looks,
            spending=spending,
        )

    setting = Setting(items=items, limits=Limits(margin=margin), flip_rate=flip_rate)
    found, most = made(looks, FUTILITIES[-1]), 0.0
    for mild in (made(looks, futility) for futility in FUTILITIES):
        if count_paths(mild, flip_rate=flip_rate).share <= HALF:
            return mild
    if task_chances(setting).passes < ENOUGH:
        return found
    for keener in (made(*one) for one in KEENER):
        counted = count_paths(keener, flip_rate=flip_rate)
        if counted.share <= HALF and counted.passes > most:
            found, most = keener, counted.passes
    return found
