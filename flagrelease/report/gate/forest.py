"""Where everything of a forest plot lies: one line a task, its interval around its difference, and its margin.

The plot is as wide as a telephone, each name above its interval, so that it can be read there and on paper.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.gate.phrases import signed
from flagrelease.report.gate.page import Row
from flagrelease.report.gate.plain import plain

WIDTH: Final = 400
LEFT: Final = 12
LINE: Final = 46
HEAD: Final = 8
_FOOT: Final = 40
_MARGINS: Final = 4.0
"""The axis reaches at least over the margins, and at most to so many times the widest of them."""
_NAME: Final = 32
_ASIDE: Final = 12
"""How far from the edge a difference beyond it is drawn, so that the arrow is seen."""

GLYPHS: Final = {
    "PASS": "circle", "PASS_WARN": "half", "FAIL": "cross", "ANOMALY": "triangle", "INCONCLUSIVE": "ring",
    "INVALID": "square",
}  # fmt: skip
"""What stands at the difference, so that a verdict can be told without colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One task's marks, in the plot's units. `starts` and `ends` tell whether the interval goes on beyond the plot."""

    row: Row
    name: str
    words: str
    glyph: str
    top: float
    y: float
    margin_low: float
    margin_high: float
    low: float | None = None
    high: float | None = None
    at: float | None = None
    starts: bool = True
    ends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The whole plot; `ticks` are places on the axis with their words, in points."""

    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    height: float
    zero: float
    bottom: float


def forest(rows: Sequence[Row]) -> Forest:
    """The plot of these rows; without any, an empty axis."""
    reach = reach_of(rows)
    bottom = HEAD + LINE * len(rows) + 2
    ticks = tuple((_x(at, reach), word) for at, word in steps(reach))
    return Forest(
        lines=tuple(_line(row, number, reach) for number, row in enumerate(rows)),
        ticks=ticks,
        height=bottom + _FOOT,
        zero=_x(0.0, reach),
        bottom=bottom,
    )


def reach_of(rows: Sequence[Row]) -> float:
    """How far the axis goes on each side of 0: over all margins, and over all intervals as far as is sensible."""
    widest = max((row.margin for row in rows), default=0.05)
    ends = [abs(end) for row in rows if row.interval for end in row.interval]
    ends += [abs(row.difference) for row in rows if row.difference is not None]
    return 1.05 * max(widest, min(max(ends, default=widest), _MARGINS * widest))


def steps(reach: float) -> Iterator[tuple[float, str]]:
    """Round places on the axis, as differences, each with its word in points."""
    step = _step(reach)
    count = int(reach / step)
    for k in range(-count, count + 1):
        yield step * k, _tick(step * k)


def words_of(row: Row) -> str:
    """The line in a sentence, for whoever cannot see it."""
    if row.difference is None:
        return f"{plain(row.task)}: {row.decision}, without a difference"
    within = ""
    if row.interval is not None:
        within = f", interval {signed(row.interval[0])} to {signed(row.interval[1])}"
        within += "" if row.is_paired else " of two unpaired scores"
    return (
        f"{plain(row.task)}: {row.decision}, difference {signed(row.difference)} points{within}, margin "
        f"{100 * row.margin:g}"
    )


def _line(row: Row, number: int, reach: float) -> Line:
    top = HEAD + LINE * number
    low, high = row.interval or (None, None)
    name = plain(row.task)
    return Line(
        row=row,
        name=name if len(name) <= _NAME else f"{name[: _NAME - 1]}…",
        words=words_of(row),
        glyph=GLYPHS[row.decision],
        top=top,
        y=top + 31,
        margin_low=_x(-row.margin, reach),
        margin_high=_x(row.margin, reach),
        low=None if low is None else _x(low, reach),
        high=None if high is None else _x(high, reach),
        at=None if row.difference is None else _within(_x(row.difference, reach)),
        starts=low is None or low >= -reach,
        ends=high is None or high <= reach,
    )


def _x(difference: float, reach: float) -> float:
    """In the plot's units, held within it."""
    share = min(1.0, max(-1.0, difference / reach))
    return round(LEFT + (WIDTH - 2 * LEFT) * (share + 1) / 2, 1)


def _within(x: float) -> float:
    return min(WIDTH - LEFT - _ASIDE, max(LEFT + _ASIDE, x))


def _step(reach: float) -> float:
    """1, 2 or 5 times a power of ten: at most four steps on each side."""
    rough = reach / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough)


def _tick(difference: float) -> str:
    return f"{100 * difference:+g}".replace("-", "−") if round(difference, 9) else "0"
