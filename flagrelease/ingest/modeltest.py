"""MindIE modeltest: `*_result.csv`, a grid of Tasks, N-Shot, Total, Pass, Metric and Value.

Total and Pass are whole numbers, so the score is exact. What Value is out of follows from them, not from its size.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.say import text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import by_header, csv_rows, drawn_tables, header_of

NAME: Final = "modeltest"
_COLUMNS: Final = ("tasks", "total", "pass", "metric", "value")


def find(sources: Sources) -> Iterator[Unit]:
    """Every file that holds such a grid, drawn or as CSV."""
    return (Unit(name) for name in sources.named(".csv") if _rows(sources, name))


def _rows(sources: Sources, name: str) -> list[Mapping[str, str]]:
    header = header_of(sources, name)
    if all(column in header for column in _COLUMNS):
        return list(csv_rows(sources, name))
    if header and header[0].startswith(("+-", "| tasks", "|tasks")):
        for table in drawn_tables(sources, name):
            if all(column in [cell.lower() for cell in table[0]] for column in _COLUMNS):
                return _filled(by_header(table))
    return []


def _filled(rows: Iterator[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """A task's name stands in the first of its rows only, when it has several metrics."""
    found: list[Mapping[str, str]] = []
    for row in rows:
        above = found[-1] if found and not row["tasks"] else {}
        found.append({key: cell or above.get(key, "") for key, cell in row.items()})
    return found


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a row."""
    for row in _rows(sources, unit.main):
        total, right, value = (_number(row[key]) for key in ("total", "pass", "value"))
        if total is None or right is None or total != int(total) or not 0 <= right <= total or total == 0:
            raise sources.refuse(
                unit.main,
                f"{row['tasks'][:60]!r}: wanted Pass within a Total above 0, found {row['pass']} of {row['total']}",
            )
        scale, decimals = _scale(right / total, value)
        counted = int(right) if right == int(right) else None
        yield Record(
            RunFacts(
                task=text_of(row["tasks"]) or "unnamed",
                harness=Harness(name=NAME),
                dataset=DatasetFacts(items=int(total)),
                shots=int(row["n-shot"]) if row.get("n-shot", "").isdecimal() else None,
                metric=text_of(row["metric"]),
                kind="proportion" if counted is not None else "bounded_mean",
                scale=scale,
                headline=Headline(
                    score=float(scale * right / total if value is None else value),
                    decimals=decimals,
                    items=int(total),
                    right=counted,
                ),
                sources=(sources.source(unit.main, NAME),),
            )
        )


def _scale(share: Decimal, value: Decimal | None) -> tuple[Scale, int]:
    """The scale on which Value is what Pass of Total gives, and its decimals. Where it is neither, the gate says so."""
    if value is None:
        return 1, 12
    digits = value.as_tuple().exponent
    decimals = max(0, -digits) if isinstance(digits, int) else 0
    half = Decimal(1).scaleb(-decimals) / 2
    return (100 if abs(share * 100 - value) <= half else 1), decimals


def _number(cell: str) -> Decimal | None:
    try:
        found = Decimal(cell.strip().removesuffix("%"))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 1_000_000_000 else None  # noqa: PLR2004 - any sane count


FORMAT: Final = Format(name=NAME, title="MindIE modeltest", files="`*_result.csv`", find=find, read=read)
