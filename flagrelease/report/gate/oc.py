"""Where the lines of the operating characteristic lie: how often a bundle worse by so many points is let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flagrelease.report.gate.page import Curve

if TYPE_CHECKING:
    from flagrelease.gate.statistics.policy_power import PolicyChances

WIDTH: Final = 400
HEIGHT: Final = 228
LEFT, RIGHT, TOP, BOTTOM = 38, 18, 12, 188
SHOWN: Final = (0, 1, 2, 3, 5, 10)
"""The points of the table below it."""

_MOST: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Each decision's line as `x,y x,y …`, the axes' ticks, and the rows of the table, in %."""

    lines: tuple[tuple[str, str, str], ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    table: tuple[tuple[str, tuple[str, ...]], ...]


def drawn(curve: Curve) -> Drawn:
    """The three lines, named for their style."""
    kinds = (("GO", "go"), ("HOLD", "hold"), ("NO-GO", "no_go"))
    chosen = [one for one in curve.points if round(-100 * one.difference, 6) in SHOWN]
    return Drawn(
        lines=tuple((word, of.replace("_", "-"), _path(curve, of)) for word, of in kinds),
        across=tuple((_x(points), f"−{points}" if points else "0") for points in (0, 2, 4, 6, 8, 10)),
        up=tuple((_y(share), f"{100 * share:.0f}") for share in (0, 0.25, 0.5, 0.75, 1)),
        table=tuple((word, tuple(f"{100 * getattr(one, of):.1f}" for one in chosen)) for word, of in kinds),
    )


def heads(curve: Curve) -> tuple[str, ...]:
    """The columns of the table."""
    found = [round(-100 * one.difference, 6) for one in curve.points]
    return tuple(f"−{points:g}" if points else "identical" for points in found if points in SHOWN)


def _path(curve: Curve, of: str) -> str:
    return " ".join(f"{_x(-100 * one.difference)},{_y(_share(one, of))}" for one in curve.points)


def _share(one: PolicyChances, of: str) -> float:
    share: float = getattr(one, of)
    return share


def _x(points: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * points / _MOST, 1)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)
