"""The margin of a task whose policy names none: what its items can resolve, and no more."""

import math
from statistics import NormalDist
from typing import Final

from flagrelease.gate.statistics.power import Setting, task_chances
from flagrelease.gate.statistics.rule import Limits

GRID: Final = 0.005
MOST: Final = 0.05
"""The widest margin that anybody published."""

USUAL_FLIPS: Final = 0.10
"""Between two chips; published cards imply 0.07 to 0.12."""

ENOUGH: Final = 0.90

_ROOM: Final = 0.4
"""Standard errors by which the normal approximation may be off."""


def margin_for(
    *, items: int, flip_rate: float = USUAL_FLIPS, power: float = ENOUGH, least: float = GRID, repeats: int = 1
) -> float | None:
    """The smallest margin on a grid of half a point at which an identical chip passes with at least `power`.

    At the shares of flips usual between chips, by the exact chance. None where that would take more than 5 points: the
    task then needs repeats or more items, or has to be advisory. `least` keeps huge tasks from margins that no score
    is published to.
    """
    normal = NormalDist()
    # What the normal approximation gives far less power need not be counted out.
    hopeless = (normal.inv_cdf(0.95) + normal.inv_cdf(power) - _ROOM) * math.sqrt(flip_rate / (items * repeats))
    first = max(1, math.ceil(least / GRID - 1e-9), math.floor(hopeless / GRID))
    for step in range(first, round(MOST / GRID) + 1):
        # From whole halves, so that 0.035 is the number that a policy means by 3.5 points.
        margin = step / round(1 / GRID)
        setting = Setting(items=items, limits=Limits(margin=margin), flip_rate=flip_rate, repeats=repeats)
        if task_chances(setting).passes >= power:
            return margin
    return None
