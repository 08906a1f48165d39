"""The single answers of MindIE modeltest, from what it leaves below `debug/`.

`*_debug_info.csv` has a line for each item, with `key`, what was asked and said, and for most metrics `pass`.
`output_*.txt` has an entry for each item: the answer, the model's input and the seconds it took, as a Python or JSON
list; an entry that has a fourth value has the item's mark there. Answers without a mark cannot be paired; what they
are all together is told.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from flagrelease.ingest.items import Items
from flagrelease.ingest.say import spelled_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import csv_rows, header_of

_COLUMNS: Final = ("key", "golden_result", "test_result")
_OUTPUT: Final = re.compile(r"(?:.*/)?debug/(?:.*/)?output_[^/]*\.txt\Z")
_LIMIT: Final = 64 << 20
_ENTRY_LIMIT: Final = 1 << 20
"""Characters of one entry. A Python literal takes a hundred times the memory while it is read."""

_FOLDER: Final = re.compile(r"(?<![\w.])/(?:[^/\s'\"]+/)+")
_PARTS: Final = 3
_SHOWN: Final = 60
_MARKS: Final = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


@dataclass(frozen=True, slots=True)
class _Entry:
    said: str
    asked: str
    mark: float | None


def is_answers(sources: Sources, name: str) -> bool:
    """Whether the file holds single answers."""
    if name.lower().endswith(".csv"):
        header = header_of(sources, name)
        return all(column in header for column in _COLUMNS)
    return _OUTPUT.match(name) is not None


def answers_of(sources: Sources, names: tuple[str, ...]) -> tuple[Items | None, tuple[str, ...]]:
    """The items, where each has a mark, and what is to be said of them. Raises RecipeError for a damaged file."""
    tables = [name for name in names if name.lower().endswith(".csv")]
    if tables:
        return _of_tables(sources, tables)
    entries: list[tuple[str, _Entry]] = []
    for name in names:
        found = list(_entries(sources, name))
        if not found:
            return None, (f"{name}: its answers are in no form that is known here, so they are not read",)
        entries += [(name, entry) for entry in found]
    return _of_entries(sources, entries) if entries else (None, ())


def _of_tables(sources: Sources, names: list[str]) -> tuple[Items | None, tuple[str, ...]]:
    if not all("pass" in header_of(sources, name) for name in names):
        return None, tuple(_unmarked(sum(1 for name in names for _ in csv_rows(sources, name)), None))
    items = Items(sources)
    for name in names:
        for row in csv_rows(sources, name):
            key, mark = row["key"].strip(), _MARKS.get(row["pass"].strip().lower())
            if mark is None:
                raise sources.refuse(
                    name, f"item {key[:60]!r}: wanted `pass` as True or False, found {row['pass'][:60]!r}"
                )
            asked = row.get("queries") or row.get("input_token_ids") or ""
            items.add(name, key, mark, prompt=_placeless(asked) or None, said=row["test_result"] or None)
    return items, ()


def _of_entries(sources: Sources, entries: list[tuple[str, _Entry]]) -> tuple[Items | None, tuple[str, ...]]:
    if any(entry.mark is None for _, entry in entries):
        return None, tuple(_unmarked(len(entries), [entry for _, entry in entries]))
    items = Items(sources)
    seen: dict[str, int] = {}
    for name, entry in entries:
        # The input is what both sides have in common; the order in which answers are written need not be.
        own = sha256(entry.asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[own] = seen.get(own, 0) + 1
        item = own if seen[own] == 1 else f"{own}-{seen[own]}"
        items.add(name, item, entry.mark, prompt=entry.asked, said=entry.said or None)
    return items, ()


def _unmarked(count: int, entries: list[_Entry] | None) -> Iterator[str]:
    text = f"{count:,} answers are there and none says whether it is right, so nothing can be paired"
    if entries is not None:
        every = sorted(f"{entry.asked}\0{entry.said}" for entry in entries)
        text += f"; all of them together are sha256 {sha256(json.dumps(every).encode()).hexdigest()}"
    yield text


def _entries(sources: Sources, name: str) -> Iterator[_Entry]:
    """Every entry, each in a line of its own or all in one list; none where the first is in no known form."""
    text = sources.text(name, _LIMIT).strip()
    lines = [line for line in text.split("\n") if line.strip()]
    values: Iterator[Any] = map(_literal, lines)
    if len(lines) == 1 and isinstance(whole := _literal(lines[0]), list | tuple) and _is_of_entries(whole):
        values, lines = iter(whole), [str(one)[:_SHOWN] for one in whole]
    for number, (line, value) in enumerate(zip(lines, values, strict=True), start=1):
        entry = _entry(value)
        if entry is None:
            if number == 1:
                return
            raise sources.refuse(
                name,
                f"entry {number}: wanted an answer, the model's input and the seconds it took, found {line[:_SHOWN]!r}",
                hint="the file may have been cut off: copy it again, whole",
            )
        yield entry


def _is_of_entries(whole: Sequence[Any]) -> bool:
    return bool(whole) and all(isinstance(one, list | tuple | dict) for one in whole)


def _literal(text: str) -> Any:
    """A JSON or Python value; None where it is neither. Nothing of it is run."""
    if len(text) > _ENTRY_LIMIT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _entry(value: Any) -> _Entry | None:
    if isinstance(value, dict):
        value = [value.get("output"), value.get("input"), value.get("e2e_time"), value.get("pass", value.get("score"))]
    if not isinstance(value, list | tuple) or len(value) < _PARTS:
        return None
    said, asked, seconds, *rest = value
    if not isinstance(seconds, int | float | str):
        return None
    try:
        spelled = spelled_of(said) or "", spelled_of(asked) or ""
    except (TypeError, ValueError, RecursionError):
        # A Python value that JSON has no spelling for.
        return None
    mark = rest[0] if rest else None
    return _Entry(
        said=spelled[0],
        asked=_placeless(spelled[1]),
        mark=float(mark) if isinstance(mark, int | float) and abs(mark) < _ENTRY_LIMIT else None,
    )


def _placeless(asked: str) -> str:
    """The input without the folders of its pictures: where they lie is each machine's own business."""
    return _FOLDER.sub("", asked)
