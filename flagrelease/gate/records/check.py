"""What a check of records is: an id, what its finding weighs, and what it looks at."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from flagrelease.domain.answers import Record
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Finding
from flagrelease.gate.records.asked import Asked

Weight = Literal["invalid", "hold", "note"]

_LONGEST: Final = 120
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """One task with the record of each side; `is_part` of files that may hold the first items of an order only.

    `of` is the number of all the task's items, where `asked` is about the first of them.
    """

    asked: Asked
    policy: Policy
    reference: Record
    target: Record
    image: Digest | None = None
    is_part: bool = False
    of: int | None = None

    @property
    def both(self) -> tuple[tuple[str, Record], tuple[str, Record]]:
        """Each side with its word."""
        return ("reference", self.reference), ("target", self.target)

    @property
    def each_with_other(self) -> tuple[tuple[str, Record, Record], ...]:
        """Each side with its word and the side that it stands against."""
        return ("reference", self.reference, self.target), ("target", self.target, self.reference)

    @property
    def rejects_allowed(self) -> float:
        """How many items may have no answer: a share of all the task's, since one of a few is no broken server."""
        return self.policy.max_reject_rate * (self.of or self.asked.items)

    @property
    def has_items(self) -> bool:
        """Whether the sides can be paired."""
        return self.reference.answers is not None and self.target.answers is not None


Look = Callable[[Sides], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `look` yields what was wanted and found, a sentence a finding; the task's own weight may differ."""

    id: str
    weight: Weight
    title: str
    look: Look = field(repr=False)

    def findings(self, sides: Sides) -> Iterator[Finding]:
        """What it finds."""
        for text in self.look(sides):
            yield Finding(id=self.id, weight=self.weight, text=text)


def check(name: str, weight: Weight, title: str) -> Callable[[Look], Check]:
    """Make a check of the function below."""

    def made(look: Look) -> Check:
        return Check(id=name, weight=weight, title=title, look=look)

    return made


def cut(value: object) -> str:
    """On one line and of a sane length, whatever a record says."""
    line = " ".join(_CONTROL.sub(" ", str(value)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def named(items: list[str]) -> str:
    """Some of them by name."""
    shown = ", ".join(cut(item) for item in items[:_EXAMPLES])
    rest = f" and {len(items) - _EXAMPLES:,} more" if len(items) > _EXAMPLES else ""
    return f"{'item' if len(items) == 1 else 'items'} {shown}{rest}"


def points(share: float) -> str:
    """Hundredths, with two decimals."""
    return f"{100 * share:.2f}"
