"""Tables as rows of named cells: CSV, TSV, a Markdown table, and the grid that `tabulate` draws."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flagrelease.ingest.sources import LINE_LIMIT, Sources

# Python's own limit, 128 KiB a cell, is less than a long chain of thought.
csv.field_size_limit(LINE_LIMIT)

_ROWS: Final = 200_000
_COLUMNS: Final = 200
_CELLS: Final = 4_000_000
_RULE: Final = re.compile(r"[\s|:+=\-]*[-=][\s|:+=\-]*\Z")
_MARKUP: Final = re.compile(r"\*\*|__|`|<br ?/?>")


def csv_rows(sources: Sources, name: str) -> Iterator[Mapping[str, str]]:
    """Rows of a CSV or TSV file by their header. Raises RecipeError for a row of another length."""
    text = sources.text(name, limit=64 << 20)
    yield from _named(sources, name, csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(name)))


def header_of(sources: Sources, name: str) -> tuple[str, ...]:
    """The first row's cells, in lower case; empty where there is none."""
    with sources.opened(name) as stream:
        line = stream.readline(1 << 16).decode("utf-8-sig", "replace")
    try:
        cells = next(csv.reader([line], delimiter=_delimiter(name)), [])
    except csv.Error:
        # No CSV, so no header of one: whoever reads the file says what is wrong with it.
        return ()
    return tuple(cell.strip().lower() for cell in cells)


def drawn_tables(sources: Sources, name: str) -> Iterator[list[list[str]]]:
    """Every table of `|` lines in a text, header first, rules left out. Raises RecipeError for too many columns."""
    table: list[list[str]] = []
    for line in [*sources.text(name).splitlines(), ""]:
        stripped = line.strip()
        if stripped.startswith("|") or (stripped.count("|") > 1 and table):
            if stripped.count("|") > _COLUMNS + 1:
                raise sources.refuse(name, f"wanted a table of at most {_COLUMNS} columns, found more")
            if not _RULE.match(stripped):
                table.append([_MARKUP.sub(" ", cell).strip() for cell in _cells(stripped)])
        elif not (stripped.startswith("+") and _RULE.match(stripped)) and table:
            yield table
            table = []


def by_header(table: Sequence[Sequence[str]]) -> Iterator[Mapping[str, str]]:
    """Rows by the header's words in lower case; short rows are filled up with nothing."""
    header = [cell.lower() for cell in table[0]]
    for row in table[1:]:
        yield dict(zip(header, [*row, *[""] * len(header)], strict=False))


def _cells(line: str) -> list[str]:
    inner = line.removeprefix("|")
    inner = inner.removesuffix("|") if not inner.endswith("\\|") else inner
    return [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _delimiter(name: str) -> str:
    return "\t" if name.lower().endswith(".tsv") else ","


def _named(sources: Sources, name: str, rows: Iterator[list[str]]) -> Iterator[Mapping[str, str]]:
    header: list[str] | None = None
    try:
        for number, row in enumerate(rows, start=1):
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in row]
                if len(header) > _COLUMNS:
                    raise sources.refuse(name, f"wanted at most {_COLUMNS} columns, found {len(header):,}")
                if len(set(header)) != len(header):
                    raise sources.refuse(name, "two columns of the header have one name")
            elif len(row) != len(header):
                text = f"row {number}: wanted {len(header)} cells, found {len(row)}"
                raise sources.refuse(name, text, hint="the file may have been cut off: copy it again, whole")
            elif number > _ROWS or number * len(header) > _CELLS:
                raise sources.refuse(name, f"wanted at most {_ROWS:,} rows and {_CELLS:,} cells, found more")
            else:
                yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise sources.refuse(name, f"not valid CSV: {error}") from error
