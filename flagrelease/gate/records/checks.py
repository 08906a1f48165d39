"""Every check of records, by its id; `docs/gate.md` has the table."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.verdict import Finding
from flagrelease.gate.records import choose, copied, differences, prefix, same, whole
from flagrelease.gate.records.check import Check, Sides

CHECKS: Final[tuple[Check, ...]] = tuple(
    one for module in (same, whole, differences) for one in vars(module).values() if isinstance(one, Check)
)
"""Of one task with both its records, in the order in which they are written."""

GRADED: Final = ("graded", "hold", "graded answers of one item or one cluster alone, which have no interval")

TITLES: Final[tuple[tuple[str, str, str], ...]] = (
    *choose.TITLES,
    *((one.id, one.weight, one.title) for one in CHECKS),
    GRADED,
    *prefix.TITLES,
    *copied.TITLES,
)
"""Id, weight and title of everything that can be found."""


def look(sides: Sides) -> Iterator[Finding]:
    """All that is found."""
    for one in CHECKS:
        yield from one.findings(sides)


_OF_WHOLE: Final = frozenset({"headline-differs", "unattainable", "other-number-of-items"})
"""What is about the files as they are, whichever of their items count."""


def look_at_whole(sides: Sides) -> Iterator[Finding]:
    """What is found of files that may hold more items than those that count."""
    for one in CHECKS:
        if one.id in _OF_WHOLE:
            yield from one.findings(sides)


def table() -> Iterator[str]:
    """The checks as `docs/gate.md` has them."""
    yield "| id | weight | what it finds |"
    yield "|---|---|---|"
    for name, weight, title in TITLES:
        yield f"| `{name}` | {weight} | {title} |"
