"""MindIE modeltest: `*_result.csv`, a grid of Tasks, N-Shot, Total, Pass, Metric and Value, and `debug/` beside it.

Total and Pass are whole numbers, so the score is exact. What Value is out of follows from them, not from its size. In
spite of its name the file is no CSV: three grids of its configuration stand before that of its scores. Scores other
than accuracy have no Pass.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, folder_of
from flagrelease.ingest.items import Items
from flagrelease.ingest.modeltest_answers import answers_of, is_answers
from flagrelease.ingest.say import text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import by_header, csv_rows, drawn_tables, header_of

NAME: Final = "modeltest"
_COLUMNS: Final = ("tasks", "total", "metric", "value")
_ASKED: Final = ("requested_max_input_length", "requested_max_output_length", "need_truncate_input", "metadata_version")
"""Of its configuration, what decides how a task is asked. The rest is paths, and the list of subjects."""

_SETS: Final = (
    "modeltest sets LCCL_DETERMINISTIC=1, HCCL_DETERMINISTIC=true and ATB_MATMUL_SHUFFLE_K_ENABLE=0 for its precision "
    "tasks: this is no score of a bundle's default settings"
)


def find(sources: Sources) -> Iterator[Unit]:
    """Every file that holds such a grid, drawn or as CSV, with the answers below the `debug/` beside its `results/`."""
    results = [name for name in sources.named(".csv") if _scores(sources, name)]
    answers = [name for name in sources.names if name.lower().endswith((".csv", ".txt")) and is_answers(sources, name)]
    for name in results:
        yield Unit(name, tuple(_own(name, results, answers)))


def _own(name: str, results: list[str], answers: list[str]) -> Iterator[str]:
    """`…/results/a/x_result.csv` has the answers of `…/debug/a/`, and all below `…/debug/` if it is the only one."""
    root, found, below = f"/{folder_of(name)}".rpartition("/results/")
    root = f"{root}/"[1:] if found else folder_of(name)
    alone = sum(one.startswith(root) for one in results) == 1
    for one in sorted(answers):
        if one.startswith(f"{root}debug/"):
            nested = folder_of(one.removeprefix(f"{root}debug/"))
            if alone or nested == below:
                yield one


def _tables(sources: Sources, name: str) -> list[list[Mapping[str, str]]]:
    """The grids of a file, or its only table as CSV."""
    header = header_of(sources, name)
    if all(column in header for column in _COLUMNS):
        return [list(csv_rows(sources, name))]
    if not header or not header[0].startswith(("+-", "|", "runner config:", "metric table:")):
        return []
    return [_filled(by_header(table)) for table in drawn_tables(sources, name) if table[0][0]]


def _scores(sources: Sources, name: str) -> list[Mapping[str, str]]:
    tables = _tables(sources, name)
    return next((rows for rows in tables if rows and all(column in rows[0] for column in _COLUMNS)), [])


def _configured(sources: Sources, name: str) -> dict[str, str]:
    """What its configuration grids say, by field."""
    return {
        row["field"]: row["value"]
        for rows in _tables(sources, name)
        for row in rows
        if row.keys() >= {"field", "value"} and row["field"] in (*_ASKED, "data_type")
    }


def _filled(rows: Iterator[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """A task's name stands in the first of its rows only, when it has several metrics."""
    found: list[Mapping[str, str]] = []
    for row in rows:
        above = found[-1] if found and not row.get("tasks", "-") else {}
        found.append({key: cell or above.get(key, "") for key, cell in row.items()})
    return found


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a row. The first is the whole task's; those below it are its subjects', and have no items."""
    items, told = answers_of(sources, unit.parts)
    configured = _configured(sources, unit.main)
    for row in _scores(sources, unit.main):
        yield _record(sources, unit, row, configured, items=items, told=told)
        items, told = None, ()


def _record(
    sources: Sources,
    unit: Unit,
    row: Mapping[str, str],
    configured: Mapping[str, str],
    *,
    items: Items | None,
    told: tuple[str, ...],
) -> Record:
    total, right, value = (_number(row.get(key, "")) for key in ("total", "pass", "value"))
    bad = total is None or total != int(total) or total == 0 or (right is None and value is None)
    if bad or total is None or ("pass" in row and (right is None or not 0 <= right <= total)):
        raise sources.refuse(
            unit.main,
            f"{row['tasks'][:60]!r}: wanted Pass within a Total above 0, found {row.get('pass') or row['value']} of "
            f"{row['total']}",
        )
    scale, decimals = _scale(None if right is None else right / total, value)
    counted = int(right) if right is not None and right == int(right) else None
    score = value if value is not None else (scale or 1) * (right or 0) / total
    return Record(
        RunFacts(
            task=text_of(row["tasks"]) or "unnamed",
            harness=Harness(name=NAME),
            dataset=DatasetFacts(items=int(total)),
            precision=text_of(configured.get("data_type")),
            settings={key: configured[key] for key in _ASKED if configured.get(key)},
            shots=int(row["n-shot"]) if row.get("n-shot", "").isdecimal() else None,
            metric=text_of(row["metric"]),
            kind=items.kind()
            if items
            else "unknown"
            if right is None
            else "proportion"
            if counted is not None
            else "bounded_mean",
            scale=scale,
            headline=Headline(score=float(score), decimals=decimals, items=int(total), right=counted),
            notes=(_SETS, *told),
            sources=tuple(sources.source(one, NAME) for one in unit.names),
        ),
        items.answers if items else None,
    )


def _scale(share: Decimal | None, value: Decimal | None) -> tuple[Scale | None, int]:
    """The scale on which Value is what Pass of Total gives, and its decimals. Where it is neither, the gate says so.

    None where nothing tells.
    """
    if value is None:
        return 1, 12
    digits = value.as_tuple().exponent
    decimals = max(0, -digits) if isinstance(digits, int) else 0
    if share is None:
        return None, decimals
    half = Decimal(1).scaleb(-decimals) / 2
    return (100 if abs(share * 100 - value) <= half else 1), decimals


def _number(cell: str) -> Decimal | None:
    try:
        found = Decimal(cell.strip().removesuffix("%"))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 1_000_000_000 else None  # noqa: PLR2004 - any sane count


FORMAT: Final = Format(
    name=NAME, title="MindIE modeltest", files="`*_result.csv`, with what lies below `debug/`", find=find, read=read
)
