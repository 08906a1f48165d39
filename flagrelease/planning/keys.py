"""Data key by key: what differs between two pieces of it. The order of keys means nothing, that of a list does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Final

from flagrelease.formats.positions import Path

_ALIGNED: Final = 500
"""Longest lists whose entries are matched with each other; longer ones are compared place by place."""

_SHOWN: Final = 100


class Absent(Enum):
    """Stands where nothing is, which is not the same as null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, kw_only=True)
class Change:
    """One key that two pieces of data differ in; a side is ABSENT where it has no such key."""

    path: Path
    before: object
    after: object


def changes(before: object, after: object, path: Path = ()) -> Iterator[Change]:
    """Every difference at the deepest key that both sides have, sorted by key."""
    match before, after:
        case Mapping(), Mapping():
            for key in sorted({*before, *after}):
                yield from changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
        case list() | tuple(), list() | tuple():
            yield from _list_changes(before, after, path)
        case _:
            if type(before) is not type(after) or before != after:
                yield Change(path=path, before=before, after=after)


def leaves(data: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every key below which nothing is, with its value, in the order of the data; empty lists and mappings too."""
    match data:
        case Mapping() if data:
            for key, item in data.items():
                yield from leaves(item, (*path, key))
        case list() | tuple() if data:
            for index, item in enumerate(data):
                yield from leaves(item, (*path, index))
        case _:
            yield path, data


def said(value: object) -> str:
    """A value on one line for people: as JSON, cut, without a character that could disturb a terminal."""
    if value is ABSENT:
        return "not there"
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)
    text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _list_changes(before: Sequence[object], after: Sequence[object], path: Path) -> Iterator[Change]:
    """Stretches that are in both stay out of it, so that one new entry is one difference."""
    if max(len(before), len(after)) > _ALIGNED:
        yield from _side_by_side(before, after, path, 0, 0)
        return
    matcher = SequenceMatcher(None, [_spelled(one) for one in before], [_spelled(one) for one in after], autojunk=False)
    for kind, begin, end, other_begin, other_end in matcher.get_opcodes():
        if kind != "equal":
            yield from _side_by_side(before[begin:end], after[other_begin:other_end], path, begin, other_begin)


def _spelled(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _side_by_side(
    before: Sequence[object], after: Sequence[object], path: Path, begin: int, start: int
) -> Iterator[Change]:
    """Two stretches of a list. An entry is named by its place in the later list, one that is gone by its earlier."""
    shared = min(len(before), len(after))
    for index in range(shared):
        yield from changes(before[index], after[index], (*path, start + index))
    for index in range(shared, len(before)):
        yield Change(path=(*path, begin + index), before=before[index], after=ABSENT)
    for index in range(shared, len(after)):
        yield Change(path=(*path, start + index), before=ABSENT, after=after[index])
