"""A table of scores in Markdown or CSV, as cards and reports have them: aggregates only.

One row a task; the first column names it. The score's column is the only one that is left, or the one that was asked
for as `FILE#COLUMN`. Columns called n (items), stderr, scale, metric, shots or repeats are read as what they say.
What a score is out of is stated by a `%`, by a `scale` column or by the policy, and never guessed from its size.
A table of differences alone gives records of that kind: they have no score, and decide nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts, StatedDifference
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.say import text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import by_header, csv_rows, drawn_tables, header_of

NAME: Final = "table"
COLUMN: Final = "#"
_FIRST: Final = ("task", "tasks", "benchmark", "benchmarks", "dataset", "metric", "metrics")
_SAID: Final[dict[str, str]] = {
    "n": "items", "items": "items", "samples": "items", "count": "items", "stderr": "stderr", "scale": "scale",
    "metric": "metric", "shots": "shots", "n-shot": "shots", "repeats": "repeats", "model": "", "version": "",
    "note": "",
}  # fmt: skip
_SCORE: Final = re.compile(r"([0-9]{1,6}(?:\.([0-9]{1,10}))?)\s*(%?)\Z")
_DIFFERENCE: Final = re.compile(r"\W*(?:diff|delta|δ|gap)")
_SIGNED: Final = re.compile(r"([+\-−]?)([0-9]{1,6}(?:\.([0-9]{1,10}))?)\s*(%?)\Z")
_OF: Final = re.compile(r"([0-9]{1,7})\s*/\s*([0-9]{1,7})\Z")
_SHOTS: Final = re.compile(r"\(?\b(\d{1,3})[- ]?shots?\b\)?", re.IGNORECASE)
_REPEATS: Final = re.compile(r"\(?\b(?:avg|mean)@(\d{1,4})\)?", re.IGNORECASE)
_MARKS: Final = re.compile(r"[↑↓*†‡]")
_SCALES: Final[dict[str, Scale]] = {"1": 1, "100": 100, "1000": 1000}


def find(sources: Sources) -> Iterator[Unit]:
    """Markdown and text with such a table, and CSV whose first column is called task or the like."""
    for name in sources.names:
        lower = name.lower()
        if lower.endswith((".csv", ".tsv")):
            header = header_of(sources, name)
            if header and header[0] in _FIRST and "mode" not in header and "tasks" not in header:
                yield Unit(name)
        elif lower.endswith((".md", ".markdown", ".txt")) and _drawn(sources, name):
            yield Unit(name)


def _drawn(sources: Sources, name: str) -> list[list[Mapping[str, str]]]:
    """The rows of every table whose first column is one of tasks."""
    return [
        list(by_header(table))
        for table in drawn_tables(sources, name)
        if len(table) > 1 and table[0] and re.split(r"[^a-z]", table[0][0].lower().strip(), maxsplit=1)[0] in _FIRST
    ]


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a row, of the first table and of those that have the same column of scores."""
    drawn = unit.main.lower().endswith((".md", ".markdown", ".txt"))
    tables = _drawn(sources, unit.main) if drawn else [list(csv_rows(sources, unit.main))]
    wanted = sources.column.lower()
    tables = [rows for rows in tables if rows and (not wanted or wanted in rows[0])] or tables
    if not tables or not tables[0]:
        raise sources.refuse(unit.main, "wanted a row for each task, found none")
    column = _column(sources, unit, tables[0][0])
    records = []
    for row in (row for rows in tables for row in rows if column in row):
        first = next(iter(row))
        if row[first].strip() and (record := _record(sources, unit, row, first, column)):
            records.append(record)
    _refuse_mixed(sources, unit, records)
    yield from records


def _column(sources: Sources, unit: Unit, row: Mapping[str, str]) -> str:
    """The scores' column. Raises RecipeError where it is not clear which that is."""
    wanted = sources.column.lower()
    named = [name for name in list(row)[1:] if name and name not in _SAID]
    scores = [name for name in named if not _DIFFERENCE.match(name)] or named
    if wanted:
        if wanted not in row:
            raise sources.refuse(unit.main, f"wanted a column `{sources.column}`, found {', '.join(named) or 'none'}")
        return wanted
    if len(scores) != 1:
        found = ", ".join(scores) or "none"
        hint = f"name the side's column, such as {sources.place(unit.main)}{COLUMN}{scores[0] if scores else 'score'}"
        raise sources.refuse(unit.main, f"wanted one column of scores, found {found}", hint=hint)
    return scores[0]


def _record(sources: Sources, unit: Unit, row: Mapping[str, str], first: str, column: str) -> Record | None:
    title, cell = row[first].strip(), _MARKS.sub("", row[column]).strip()
    if cell.lower() in ("", "-", "tbd", "n/a", "todo"):
        # No score: the gate finds the task missing.
        return None
    difference = _difference(sources, unit, title, cell) if _DIFFERENCE.match(column) else None
    score, decimals, percent, counted = (
        (0.0, 0, cell.endswith("%"), None) if difference else _score(sources, unit, title, cell)
    )
    said = {meaning: row[name].strip() for name, meaning in _SAID.items() if meaning and name in row and name != first}
    # In the task's title, above the scores or above the tasks.
    shots, repeats = (
        next((found for text in (title, column, first) if (found := words.search(text))), None)
        for words in (_SHOTS, _REPEATS)
    )
    items = counted or _whole(said.get("items", ""))
    scale = _SCALES.get(said.get("scale", "")) or (100 if percent else 1 if counted else None)
    task = " ".join(_SHOTS.sub(" ", _REPEATS.sub(" ", _MARKS.sub(" ", title))).split())
    stderr = _SCORE.match(said.get("stderr", ""))
    return Record(
        RunFacts(
            task=text_of(task) or "unnamed",
            harness=Harness(name=NAME),
            dataset=DatasetFacts(items=items),
            metric=text_of(said.get("metric")),
            scale=scale,
            shots=int(shots[1]) if shots else _whole(said.get("shots", "")),
            repeats=max(1, int(repeats[1]) if repeats else _whole(said.get("repeats", "")) or 1),
            kind="difference_only" if difference else "unknown",
            headline=None
            if difference
            else Headline(score=score, decimals=decimals, items=items, stderr=float(stderr[1]) if stderr else None),
            difference=difference,
            sources=(sources.source(unit.main, NAME),),
        )
    )


def _score(sources: Sources, unit: Unit, title: str, cell: str) -> tuple[float, int, bool, int | None]:
    """Score, decimals, whether it is a percentage, and the number of items where it says "23/30"."""
    if (of := _OF.match(cell)) and int(of[2]):
        return int(of[1]) / int(of[2]), 12, False, int(of[2])
    found = _SCORE.match(cell)
    if found is None:
        raise sources.refuse(
            unit.main,
            f"{title[:60]!r}: wanted a score, found {cell[:60]!r}",
            hint="a column of differences is called so, and decides nothing; give both sides' scores",
        )
    return float(found[1]), len(found[2] or ""), bool(found[3]), None


def _difference(sources: Sources, unit: Unit, title: str, cell: str) -> StatedDifference:
    """As it is written; a bare number has no sign."""
    found = _SIGNED.match(cell)
    if found is None:
        raise sources.refuse(unit.main, f"{title[:60]!r}: wanted a difference, found {cell[:60]!r}")
    size = float(found[2])
    return StatedDifference(
        score=size if found[1] in ("", "+") else -size, decimals=len(found[3] or ""), is_signed=bool(found[1])
    )


def _whole(cell: str) -> int | None:
    plain = cell.replace(",", "").strip()
    return int(plain) if plain.isdecimal() and len(plain) < 10 else None  # noqa: PLR2004 - any sane count


def _refuse_mixed(sources: Sources, unit: Unit, records: list[Record]) -> None:
    """A score of 0.85 in a column of percentages may be 0.85 % or 85 %: whoever wrote it has to say."""
    unstated = [one.facts for one in records if one.facts.scale is None]
    scores = [(facts.task, facts.headline.score) for facts in unstated if facts.headline]
    small = [task for task, score in scores if 0 < score <= 1]
    if small and len(small) < len([score for _, score in scores if score]):
        raise sources.refuse(
            unit.main,
            f"the scores are on mixed scales: {small[0][:60]!r} is at most 1 and others are above it",
            hint="add a column `scale` with 1, 100 or 1000, or write `%` behind each percentage",
        )


FORMAT: Final = Format(
    name=NAME, title="a table of scores", files="Markdown or CSV, `FILE#COLUMN` where it has several", find=find,
    read=read,
)  # fmt: skip
