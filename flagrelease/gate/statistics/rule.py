"""What one task's figures mean, and at which levels, so that the bundle's error rates hold.

The levels are a budget for the whole bundle (`Levels`). Damage and impossible gains are searched for in every task, so
their p values come adjusted by Holm; passing is an intersection-union claim and needs no correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flagrelease.domain.verdict import TaskDecision
from flagrelease.gate.statistics.multiplicity import holm

FALSE_NO_GO: Final = 0.01
"""How often at most a bundle of identical systems ends in NO-GO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """One-sided levels. `failing` and `anomaly` are shared by all tasks of the bundle: together the false NO-GO rate.

    Holm's p of identical systems is below `failing` in any task with a chance of at most `failing`, whatever depends
    on what; likewise for gains. So NO-GO for either reason has at most the chance `failing` + `anomaly`.
    """

    passing: float = 0.05
    warning: float = 0.05
    failing: float = FALSE_NO_GO / 2
    anomaly: float = FALSE_NO_GO / 2

    def __post_init__(self) -> None:
        for level in (self.passing, self.warning, self.failing, self.anomaly):
            if not 0 < level < 1 / 2:
                raise ValueError(f"wanted one-sided levels between 0 and 0.5, found {level}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the policy asks of a task. `margin` and `min_effect` are fractions."""

    margin: float
    min_effect: float = 0.005
    levels: Levels = field(default_factory=Levels)

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1 or not 0 <= self.min_effect < 1:
            raise ValueError(
                f"wanted a margin between 0 and 1 and a smallest effect from 0, found {self.margin}, {self.min_effect}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One task's figures. `p_margin` is of the hypothesis that the target is worse by the margin or more.

    `interval` is the one of level 1 − 2·passing; `p_damage` and `p_gain` are adjusted over the bundle's tasks.
    `is_held` is a finding that keeps the task from deciding, `is_valid` whether the records may be compared at all.
    """

    difference: float
    interval: tuple[float, float]
    p_margin: float
    p_damage: float
    p_gain: float
    is_valid: bool = True
    is_held: bool = False


def judge(measured: Measured, limits: Limits) -> TaskDecision:
    """The decision of one task; the first line that holds decides.

    INVALID       the records may not be compared
    ANOMALY       the gain is shown to exceed the margin, and no chance explains a gain: the reference is suspect
    FAIL          the loss exceeds the margin, and no chance explains a loss
    INCONCLUSIVE  a finding holds the task, or the loss is not shown to be within the margin
    PASS_WARN     within the margin, but a loss above the smallest effect is real
    PASS          within the margin
    """
    levels, (low, _) = limits.levels, measured.interval
    if not measured.is_valid:
        return "INVALID"
    if low > limits.margin and measured.p_gain <= levels.anomaly:
        return "ANOMALY"
    if measured.difference < -limits.margin and measured.p_damage <= levels.failing:
        return "FAIL"
    if measured.is_held or measured.p_margin > levels.passing:
        return "INCONCLUSIVE"
    if measured.p_damage <= levels.warning and measured.difference < -limits.min_effect:
        return "PASS_WARN"
    return "PASS"


def adjusted(p_damage: Sequence[float], p_gain: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Holm's p values of both directions, one of each for every task whose decision can stop the bundle."""
    if len(p_damage) != len(p_gain):
        raise ValueError(f"wanted both p values of each task, found {len(p_damage)} and {len(p_gain)}")
    return holm(p_damage), holm(p_gain)
