"""YAML that is plainly right, to its value: the way for the many good files, which need no positions.

It only ever says yes, and then the value is the one that `strict` reads from the tree. Whatever is wrong, or might be,
is a DoubtfulError: the tree is read then, and says what is wrong and where.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import ValidationError

from flagrelease.domain.value import Value
from flagrelease.formats.characters import checked_yaml, refused_character
from flagrelease.formats.lazy import lazily
from flagrelease.formats.misread import DATE
from flagrelease.formats.positions import (
    MAX_DEPTH,
    Entry,
    Mapping,
    Path,
    Position,
    Reading,
    Scalar,
    UnreadableError,
)
from flagrelease.formats.scalars import read_unquoted
from flagrelease.formats.shapes import annotations_below, choice_values_at, models_of, wanted_below, wants_any
from flagrelease.formats.yaml_tree import MAX_NODES, loader

if TYPE_CHECKING:
    import yaml
else:
    # Most recipes are found in the cache, so most commands never need it.
    yaml = lazily("yaml")

V = TypeVar("V", bound=Value)
Plain: TypeAlias = Any
"""What JSON can spell, as Python has it."""

QUICK_LIMIT: Final = 1 << 17
"""Characters or bytes; a longer file is none of the many."""

_KEPT: Final = 1 << 14
_NOWHERE: Final = Position(1, 1)
_NOTHING: Final = Scalar(_NOWHERE, None, "")
_Next: TypeAlias = Callable[[], Any]


class DoubtfulError(Exception):
    """This is for the tree to decide."""


class Time(str):
    """An unquoted date or time: fine where one is wanted, and nowhere else."""

    __slots__ = ()


class Checked(NamedTuple, Generic[V]):
    """A value, and the JSON that it was read from."""

    value: V
    spelled: str


class _Care(NamedTuple):
    """The keys below which pydantic would take more than is meant: `true` for the literal 1, "12" for a date."""

    numbers: frozenset[str]
    dates: frozenset[str]


def quick_plain(text: str | bytes, kind: type[Value]) -> Plain:
    """The document as plain data. Raises DoubtfulError for all but documents that are plainly right."""
    if len(text) > QUICK_LIMIT:
        raise DoubtfulError
    try:
        return _document(checked_yaml(text), _care(kind))
    except (UnreadableError, yaml.YAMLError) as error:
        raise DoubtfulError from error


def quick_value(plain: Plain, kind: type[V]) -> Checked[V]:
    """The value that plain data spells. Raises DoubtfulError when it spells none."""
    care = _care(kind)
    if care.dates and not all(_wants_time(plain, kind, path) for path in _times(plain, ())):
        raise DoubtfulError
    spelled = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    try:
        return Checked(kind.model_validate_json(spelled, strict=True), spelled)
    except ValidationError as error:
        raise DoubtfulError from error


# Events to plain data --------------------------------------------------------------------------------


def _document(text: str, care: _Care) -> Plain:
    parser = loader()(text)
    try:
        following: _Next = parser.get_event
        following()
        start = following()
        if not isinstance(start, yaml.DocumentStartEvent) or start.version or start.tags or text.startswith("\ufeff"):
            raise DoubtfulError
        if "&" in text or "!" in text or "\\" in text:
            following = _watched(following)
        root = _Builder(following, care).node(following(), 0)
        following()
        if not isinstance(following(), yaml.StreamEndEvent):
            raise DoubtfulError
        return root
    finally:
        parser.dispose()


def _watched(following: _Next) -> _Next:
    """The same events; anchors, tags and what escapes may hide are doubtful."""

    def watched() -> Any:
        event = following()
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise DoubtfulError
        if isinstance(event, yaml.ScalarEvent) and event.style == '"' and refused_character(event.value):
            raise DoubtfulError
        return event

    return watched


@lru_cache(maxsize=_KEPT)
def _unquoted(raw: str) -> str | int | float | bool | None:
    value, reads_as = read_unquoted(raw)
    if reads_as is Reading.TIME:
        return Time(raw)
    if reads_as is not None or raw == "<<":
        raise DoubtfulError
    return value


@lru_cache(maxsize=_KEPT)
def _unquoted_no_time(raw: str) -> str | int | float | bool | None:
    value = _unquoted(raw)
    if type(value) is Time:
        raise DoubtfulError
    return value


@lru_cache(maxsize=_KEPT)
def _unquoted_key(raw: str) -> str:
    value = _unquoted(raw)
    if type(value) is not str:
        raise DoubtfulError
    return value


class _Builder:
    """Makes plain data of events. This is where the time goes: types are compared by `is`, nothing is asked twice."""

    def __init__(self, following: _Next, care: _Care) -> None:
        self._following = following
        self._keys = care.numbers | care.dates
        self._care = care
        self._unquoted = _unquoted if care.dates else _unquoted_no_time
        self._left = MAX_NODES

    def node(self, event: Any, depth: int) -> Plain:
        """What begins with this event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self._unquoted(event.value) if event.implicit[0] else event.value
        if depth >= MAX_DEPTH:
            raise DoubtfulError
        if kind is yaml.MappingStartEvent:
            return self._mapping(depth + 1)
        if kind is yaml.SequenceStartEvent:
            return self._listing(depth + 1)
        raise DoubtfulError

    def _mapping(self, depth: int) -> Plain:
        following, node = self._following, self.node
        mapping: dict[str, Plain] = {}
        count = 0
        while type(event := following()) is not yaml.MappingEndEvent:
            if type(event) is not yaml.ScalarEvent:
                raise DoubtfulError
            key = _unquoted_key(event.value) if event.implicit[0] else event.value
            mapping[key] = node(following(), depth)
            count += 1
        if len(mapping) != count:
            raise DoubtfulError
        if self._keys and not self._keys.isdisjoint(mapping):
            _take_care(mapping, self._care)
        self._count(2 * count)
        return mapping

    def _listing(self, depth: int) -> Plain:
        following, node = self._following, self.node
        items: list[Plain] = []
        while type(event := following()) is not yaml.SequenceEndEvent:
            items.append(node(event, depth))
        self._count(len(items))
        return items

    def _count(self, values: int) -> None:
        self._left -= values
        if self._left <= 0:
            raise DoubtfulError


# What pydantic does not look at ----------------------------------------------------------------------


@cache
def _care(kind: type[Value]) -> _Care:
    numbers, dates = set(), set()
    for key, wants in annotations_below(kind):
        if any(not isinstance(choice, str) for choice in choice_values_at(wants)):
            numbers.add(key)
        if wants_any(wants, date, datetime):
            dates.add(key)
    return _Care(frozenset(numbers), frozenset(dates))


def _take_care(mapping: dict[str, Plain], care: _Care) -> None:
    """A key may have its name by chance; then the tree is read for nothing."""
    for key in care.numbers & mapping.keys():
        if type(mapping[key]) is not int:
            raise DoubtfulError
    for key in care.dates & mapping.keys():
        found = mapping[key]
        if not (found is None or (isinstance(found, str) and DATE.match(found))):
            raise DoubtfulError


def _times(plain: Plain, path: Path) -> Iterator[Path]:
    match plain:
        case Time():
            yield path
        case dict():
            for key, entry in plain.items():
                yield from _times(entry, (*path, key))
        case list():
            for index, item in enumerate(plain):
                yield from _times(item, (*path, index))
        case _:
            pass


def _wants_time(plain: Plain, wants: Any, path: Path) -> bool:
    """Follow the annotations to the time at this path."""
    for step in path:
        # The node only tells the members of a union apart.
        node = _as_node(plain) if len(models_of(wants)) > 1 else _NOTHING
        wants = wanted_below(wants, node, step)
        plain = plain[step]
    return wants_any(wants, date, datetime)


def _as_node(plain: Plain) -> Mapping | Scalar:
    """As much of the tree as tells a union's members apart: a mapping's scalars."""
    if not isinstance(plain, dict):
        return Scalar(_NOWHERE, None, "")
    scalars = {key: Scalar(_NOWHERE, value, "") for key, value in plain.items() if not isinstance(value, dict | list)}
    return Mapping(_NOWHERE, {key: Entry(_NOWHERE, scalar) for key, scalar in scalars.items()})
