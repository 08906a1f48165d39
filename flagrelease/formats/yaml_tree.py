"""The part of YAML that recipes may use, as a tree with positions.

Mappings, lists and scalars of one document; no anchors, aliases, merge keys or tags. Numbers, booleans and null are
those of JSON. Other unquoted scalars that YAML 1.1 or 1.2 (yaml.org/spec/1.2.2, 10.3.2) would not take as text are kept
with what they could be taken for, so that the reader can ask for quotes.

Built from the parser's events, one after the other: libyaml's own composer calls itself for every nested list, and
100,000 of them end the process.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

import yaml
from yaml.resolver import Resolver

from flagrelease.formats.positions import (
    MAX_DEPTH,
    Entry,
    Fault,
    Listing,
    Mapping,
    Node,
    Path,
    Position,
    Reading,
    Scalar,
    UnreadableError,
    path_text,
    quoted,
    shown,
)

MAX_NODES: Final = 20_000
_LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_JSON_WORDS: Final = {"true": True, "false": False, "null": None}
_LONGEST_NUMBER: Final = 100
_CORE_INT: Final = re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_CORE_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_STAND_INS: Final[dict[Reading, int | bool | None]] = {Reading.NUMBER: 0, Reading.BOOLEAN: False, Reading.NULL: None}
_TAGS: Final = {
    "int": Reading.NUMBER,
    "float": Reading.NUMBER,
    "bool": Reading.BOOLEAN,
    "null": Reading.NULL,
    "timestamp": Reading.TIME,
}
_RESOLVER: Final = Resolver()


class YamlTree:
    """Reads one document. `faults` holds what is wrong but does not keep the rest from being read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._nodes = 0

    def read(self, text: str) -> Node:
        """The document's root. Raises UnreadableError where reading cannot go on."""
        try:
            return self._document(yaml.parse(text, Loader=_LOADER))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
            what = " ".join(part for part in (error.context, error.problem) if part)
            raise UnreadableError(Fault(at, "", f"not valid YAML: {what}")) from error
        except yaml.reader.ReaderError as error:
            raise UnreadableError(Fault(Position(1, 1), "", f"not valid YAML: {error.reason}")) from error

    def _document(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise _refused(event, (), "a second document begins; wanted one document a file")
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, events, ())
        if root is None:
            raise UnreadableError(Fault(Position(1, 1), "", "the file is empty; wanted a mapping"))
        return root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> Node:
        self._check(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            listing = Listing(_at(event))
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                listing.items.append(self._node(item, events, (*path, len(listing.items))))
            return listing
        assert isinstance(event, yaml.ScalarEvent)
        return _scalar(event)

    def _mapping(self, start: yaml.Event, events: Iterator[yaml.Event], path: Path) -> Mapping:
        mapping = Mapping(_at(start))
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, path)
            value = self._node(next(events), events, (*path, key))
            if key in mapping.entries:
                first = mapping.entries[key].key_at
                text = f"the key is there twice; the first is on line {first.line}"
                self.faults.append(Fault(_at(event), path_text((*path, key)), text))
            else:
                mapping.entries[key] = Entry(_at(event), value)
        return mapping

    def _key(self, event: yaml.Event, path: Path) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _refused(event, path, "wanted a string as key, found a mapping, a list or an alias")
        self._check(event, path)
        scalar = _scalar(event)
        if scalar.raw == "<<" and event.implicit[0]:
            raise _refused(event, path, "merge keys are not allowed; write the keys out")
        what = scalar.reads_as or _plain_reading(scalar)
        if what:
            text = (
                f"wanted a string as key, found the unquoted {shown(scalar.raw)}, which YAML reads as {what}: quote it"
            )
            self.faults.append(Fault(scalar.at, path_text((*path, scalar.raw)), text))
        return scalar.raw

    def _check(self, event: yaml.Event, path: Path) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refused(event, (), f"more than {MAX_NODES:,} values; a recipe has some hundred")
        if len(path) > MAX_DEPTH:
            raise _refused(event, (), f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, path, f"the alias {quoted(f'*{event.anchor}')} is not allowed; write the value out")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _refused(event, path, f"the anchor {quoted(f'&{event.anchor}')} is not allowed")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise _refused(event, path, f"the tag {quoted(event.tag)} is not allowed")


def _at(event: yaml.Event) -> Position:
    mark = event.start_mark
    assert mark is not None
    return Position(mark.line + 1, mark.column + 1)


def _refused(event: yaml.Event, path: Path, text: str) -> UnreadableError:
    return UnreadableError(Fault(_at(event), path_text(path), text))


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    at, raw = _at(event), event.value
    if not event.implicit[0]:
        return Scalar(at, raw, raw)
    if raw in _JSON_WORDS:
        return Scalar(at, _JSON_WORDS[raw], raw)
    if _JSON_NUMBER.match(raw) and len(raw) <= _LONGEST_NUMBER:
        number = json.loads(raw)
        if math.isfinite(number):
            return Scalar(at, number, raw)
    reads_as = _other_reading(raw)
    return Scalar(at, raw if reads_as is None else _STAND_INS.get(reads_as, raw), raw, reads_as)


def _plain_reading(scalar: Scalar) -> Reading | None:
    match scalar.value:
        case None:
            return Reading.NULL
        case bool():
            return Reading.BOOLEAN
        case str():
            return None
        case _:
            return Reading.NUMBER


def _other_reading(raw: str) -> Reading | None:
    if _CORE_INT.match(raw) or _CORE_FLOAT.match(raw):
        return Reading.NUMBER
    resolved: str = _RESOLVER.resolve(yaml.ScalarNode, raw, (True, False))  # type: ignore[no-untyped-call]
    return _TAGS.get(resolved.rpartition(":")[2])
