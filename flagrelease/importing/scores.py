"""The score tables of a card: both sides' scores, or differences only, as numbers where they are some."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.benchmark import Benchmark, Scale
from flagrelease.importing.bundle_name import as_name, plain_name
from flagrelease.importing.layout import Table
from flagrelease.importing.vendors import REFERENCE_PARTS

_NUMBER: Final = re.compile(r"([+-]?)\s*([0-9]{1,6}(?:\.[0-9]{1,10})?|\.[0-9]{1,10})\s*(%?)\s*(?:\(([^()]{1,40})\))?\Z")
_OF: Final = re.compile(r"([0-9]{1,6})\s*/\s*([0-9]{1,6})\Z")
_SHOTS: Final = re.compile(r"(\d{1,3})[- ]?shots?\b", re.IGNORECASE)
_REPEATS: Final = re.compile(r"\b(?:avg|mean|pass)@(\d{1,4})", re.IGNORECASE)
_DECORATION: Final = re.compile(r"[↑↓*†‡]|\b\d{1,3}[- ]?shots?\b|\b(?:avg|mean|pass)@\d{1,4}|\(\s*\)", re.IGNORECASE)
_HUNDRED: Final = 100.0
_MOST_ROWS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Score:
    """What stands in one cell. `value` is None where it is no number; `note` is what stands in brackets behind it."""

    text: str
    value: float | None = None
    spelled: str = ""
    percent: bool = False
    signed: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoreLine:
    """One benchmark of a table, with a score for each column."""

    line: int
    title: str
    benchmark: str
    is_known: bool
    scores: tuple[Score, ...]
    shots: int | None
    repeats: int | None


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """A table of scores. `heading` is that of the first column; `reference` and `target` count those behind it."""

    line: int
    last_line: int
    way: str
    heading: str
    columns: tuple[str, ...]
    rows: tuple[ScoreLine, ...]
    differences: bool
    reference: int
    target: int

    @property
    def reference_title(self) -> str:
        """What the reference's column is called."""
        return self.columns[self.reference]

    @property
    def target_title(self) -> str:
        """What the bundle's column is called."""
        return self.columns[self.target]


def score_tables(tables: Sequence[Table], benchmarks: Mapping[str, Benchmark]) -> list[ScoreTable]:
    """Every table that holds scores."""
    known = _known(benchmarks)
    return [found for table in tables if (found := _score_table(table, known))]


def _known(benchmarks: Mapping[str, Benchmark]) -> dict[str, str]:
    """Plain spelling to name: of the name, the title, the aliases."""
    found: dict[str, str] = {}
    for name, benchmark in benchmarks.items():
        for word in (name, *benchmark.aliases, benchmark.title):
            found.setdefault(plain_name(word), name)
    return found


def _score_table(table: Table, known: Mapping[str, str]) -> ScoreTable | None:
    first, *columns = table.header.cells
    if not columns or not table.rows or not _is_score_header(first, columns):
        return None
    common = _REPEATS.search(first)
    rows = tuple(
        _row(row.line, row.cells, known, int(common[1]) if common else None)
        for row in table.rows[:_MOST_ROWS]
        if row.cells[0]
    )
    if not rows:
        return None
    differences = len(columns) == 1 and "diff" in columns[0].lower()
    reference, target = (0, 0) if differences else _sides(columns)
    return ScoreTable(
        line=table.header.line,
        last_line=table.rows[-1].line,
        way=table.way,
        heading=first,
        columns=tuple(columns),
        rows=rows,
        differences=differences,
        reference=reference,
        target=target,
    )


def _is_score_header(first: str, columns: Sequence[str]) -> bool:
    if first.lower().startswith(("metric", "benchmark", "dataset", "task")):
        return True
    words = " ".join(columns).lower()
    return len(columns) > 1 and "flagos" in words and ("origin" in words or "cuda" in words or "native" in words)


def _sides(columns: Sequence[str]) -> tuple[int, int]:
    """The reference's column and the bundle's: the last with FlagOS, and the nearest before it that is none."""
    flagos = [index for index, title in enumerate(columns) if "flagos" in title.lower() and not _is_origin(title)]
    target = flagos[-1] if flagos else len(columns) - 1
    others = [index for index in range(len(columns)) if index != target and columns[index]]
    marked = [index for index in others if _is_origin(columns[index]) or REFERENCE_PARTS.search(columns[index])]
    return (marked or others or [target])[-1], target


def _is_origin(title: str) -> bool:
    words = title.lower()
    if "flagos" in words:
        return words.endswith("origin")
    return re.search(r"origin|cuda|native|baseline|reference", words) is not None


def _row(line: int, cells: Sequence[str], known: Mapping[str, str], repeats: int | None) -> ScoreLine:
    title = cells[0][:200]
    shots, own = _SHOTS.search(title), _REPEATS.search(title)
    bare = " ".join(_DECORATION.sub(" ", title).split())
    name = known.get(plain_name(bare), "")
    return ScoreLine(
        line=line,
        title=title,
        benchmark=name or as_name(bare).replace("-", "_"),
        is_known=bool(name),
        scores=tuple(score(cell) for cell in cells[1:]),
        shots=int(shots[1]) if shots else None,
        repeats=int(own[1]) if own else repeats,
    )


def score(cell: str) -> Score:
    """What one cell says. Never raises."""
    text = cell.strip()[:200]
    if counted := _OF.match(text):
        return Score(text=text, note=f"{counted[1]} of {counted[2]}")
    found = _NUMBER.match(text)
    if found is None:
        return Score(text=text)
    sign, digits, percent, note = found.groups()
    whole, point, rest = digits.partition(".")
    spelled = f"{'-' if sign == '-' else ''}{whole.lstrip('0') or '0'}{point}{rest}"
    return Score(
        text=text, value=float(spelled), spelled=spelled, percent=bool(percent), signed=bool(sign), note=note or ""
    )  # fmt: skip


def scale_of(*scores: Score) -> Scale:
    """What these scores are out of: 1, 100 or 1000, by the largest."""
    if any(one.percent for one in scores):
        return 100
    largest = max((abs(one.value) for one in scores if one.value is not None), default=0.0)
    if largest > _HUNDRED:
        return 1000
    return 1 if largest <= 1 else 100
