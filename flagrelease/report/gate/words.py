"""What the page and the Markdown say in the same words."""

from collections.abc import Mapping, Sequence
from typing import Final

from flagrelease.gate.phrases import signed
from flagrelease.report.gate.page import Page, Row
from flagrelease.report.gate.plain import plain

NONE: Final = "–"
"""What stands where nothing could be worked out."""

WORDS: Final[Mapping[str, str]] = {
    "GO": "shown to answer as well as its reference, within the margins",
    "HOLD": "the evidence does not decide",
    "NO-GO": "not shown to answer as well as its reference",
}
"""A decision in words, for whoever does not know the gate."""

_EQUAL: Final = 1e-9
_FEW: Final = 3
"""So many tasks are named even where they are all."""


def named(page: Page, tasks: Sequence[str]) -> str:
    """The tasks by name; all of them, or all that decide, in a word."""
    everything = [row.task for row in page.rows]
    critical = [row.task for row in page.rows if row.tier == "critical"]
    if len(tasks) > _FEW and set(tasks) == set(everything):
        return f"all {len(everything)} tasks"
    if len(tasks) > _FEW and set(tasks) == set(critical):
        return f"all {len(critical)} critical tasks"
    return ", ".join(map(plain, tasks))


def difference_of(row: Row) -> str:
    """The difference with its interval, in points; at worst, where that is something else."""
    known = row.difference is not None
    text = signed(row.difference) if row.difference is not None else NONE
    if known and row.interval is not None:
        text += f" [{signed(row.interval[0])}, {signed(row.interval[1])}]"
    if row.worst is None or (row.difference is not None and row.worst >= row.difference - _EQUAL):
        return text
    return f"{f'{text}, ' if known else ''}at worst {signed(row.worst)}"


def counted(row: Row) -> str:
    """Items; where it is known, how many were scored on both sides."""
    if row.scored is None:
        return f"{row.items:,}"
    low = min(row.scored)
    each = f"{low:,}" if low == max(row.scored) else f"{row.scored[0]:,} and {row.scored[1]:,}"
    return f"{each} / {row.items:,}"
