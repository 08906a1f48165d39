"""What lint says: findings at their places, in text and as data."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flagrelease.domain.bundle import Waiver
from flagrelease.formats.canonical import Json
from flagrelease.formats.positions import Path, path_text
from flagrelease.lint.found import Fix, Severity
from flagrelease.lint.judge import Judged
from flagrelease.lint.rule import Rule


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Place:
    """A place in a file, as the file is shown to people; both count from 1."""

    file: str
    line: int
    column: int


Locate: TypeAlias = Callable[[str, Path], Place]
"""Where a key of a recipe file is written; in an extended file it may be another file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the report. `file` is below the recipe folder, `place` as it is shown to people."""

    rule: Rule
    file: str
    severity: Severity
    place: Place
    key: str
    text: str
    hint: str
    waivers: tuple[Waiver, ...] = ()
    fix: Fix | None = None

    def lines(self) -> Iterator[str]:
        """The finding as people read it, and its hint."""
        at = f"{self.place.file}:{self.place.line}:{self.place.column}"
        yield f"{at}: {self.severity} {self.rule.id} {self.text}"
        yield f"    hint: {self.hint}"

    def data(self) -> dict[str, Json]:
        """The finding as JSON data."""
        return {
            "rule": self.rule.id,
            "severity": self.severity,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "key": self.key,
            "message": self.text,
            "hint": self.hint,
            "fixable": self.fix is not None,
            "waivers": [waiver.model_dump(mode="json") for waiver in self.waivers],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All findings, sorted by place; those that waivers silenced are apart. `recipes` is how many were looked at."""

    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    recipes: int

    def count(self, severity: Severity) -> int:
        """Findings of this severity that no waiver silenced."""
        return Counter(one.severity for one in self.findings)[severity]

    def summary(self) -> str:
        """One line: what was looked at, and how much of each kind was found."""
        counts = ", ".join(counted(self.count(one), one) for one in ("error", "warning", "note"))
        waived = f"{counted(len(self.waived), 'finding')} waived" if self.waived else "nothing waived"
        return f"{counted(self.recipes, 'recipe')}: {counts}, {waived}"

    def data(self) -> dict[str, Json]:
        """The report as JSON data."""
        return {
            "findings": [one.data() for one in self.findings],
            "waived": [one.data() for one in self.waived],
            "counts": {
                "recipes": self.recipes,
                "errors": self.count("error"),
                "warnings": self.count("warning"),
                "notes": self.count("note"),
                "waived": len(self.waived),
            },
        }


def counted(number: int, word: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def report_of(judged: Iterable[Judged], locate: Locate, *, shown: Callable[[str], str], recipes: int) -> Report:
    """The findings at their places. What is said twice at one place, since a variant extends another, is told once."""
    told: dict[tuple[str, Place, str], Finding] = {}
    for one in judged:
        finding = _finding(one, locate, shown)
        told.setdefault((finding.rule.id, finding.place, finding.text), finding)
    ordered = sorted(told.values(), key=lambda one: (one.place, one.rule.id, one.text))
    return Report(
        findings=tuple(one for one in ordered if not one.waivers),
        waived=tuple(one for one in ordered if one.waivers),
        recipes=recipes,
    )


def _finding(one: Judged, locate: Locate, shown: Callable[[str], str]) -> Finding:
    found = one.found
    if found.at is None:
        place = locate(found.file, found.key)
    else:
        place = Place(file=shown(found.file), line=found.at.line, column=found.at.column)
    return Finding(
        rule=one.rule,
        file=found.file,
        severity=one.severity,
        place=place,
        key=path_text(found.key),
        text=found.text,
        hint=one.hint,
        waivers=tuple(placed.waiver for placed in one.waivers),
        fix=found.fix,
    )
