"""The part of YAML that recipes may use, as a tree with positions.

Mappings, lists and scalars of one document; no directives, anchors, aliases, merge keys or tags.

Built from the parser's events, one after the other: libyaml's own composer calls itself for every nested list, and
100,000 of them end the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

from flagrelease.formats.characters import refused_character
from flagrelease.formats.lazy import lazily
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
from flagrelease.formats.scalars import read_unquoted

if TYPE_CHECKING:
    import yaml
else:
    # Most recipes are found in the cache, so most commands never need it.
    yaml = lazily("yaml")

MAX_NODES: Final = 20_000


@cache
def loader() -> type[yaml.CSafeLoader | yaml.SafeLoader]:
    """Libyaml's parser where PyYAML was built with it."""
    return yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class YamlTree:
    """Reads one document. `faults` holds what is wrong but does not keep the rest from being read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._nodes = 0

    def read(self, text: str) -> Node:
        """The document's root. Raises UnreadableError where reading cannot go on."""
        text = text.removeprefix("\ufeff")
        try:
            return self._document(yaml.parse(text, Loader=loader()))
        except yaml.MarkedYAMLError as error:
            raise UnreadableError(_no_yaml(error, text)) from error
        except yaml.reader.ReaderError as error:
            raise UnreadableError(Fault(Position(1, 1), "", f"not valid YAML: {error.reason}")) from error

    def _document(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _refused(event, (), "a second document begins; wanted one document a file")
                if event.version or event.tags:
                    raise _refused(event, (), "directives are not allowed: remove what begins with %")
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
        self._refuse_character(event, path)
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
        self._refuse_character(event, (*path, event.value))
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

    def _refuse_character(self, event: yaml.ScalarEvent, path: Path) -> None:
        """Escapes can spell what the text itself may not hold."""
        if event.style == '"' and (words := refused_character(event.value)):
            self.faults.append(Fault(_at(event), path_text(path), words))

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


def _no_yaml(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Fault(Position(1, 1), "", f"not valid YAML: {error.problem}")
    at = Position(mark.line + 1, mark.column + 1)
    if error.problem and "cannot start any token" in error.problem:
        found = text[mark.index : mark.index + 1]
        words = (
            "a tab cannot indent; use spaces"
            if found == "\t"
            else f"a value cannot begin with {quoted(found)}; quote it"
        )
        return Fault(at, "", f"not valid YAML: {words}")
    return Fault(at, "", "not valid YAML: " + " ".join(part for part in (error.context, error.problem) if part))


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
    value, reads_as = read_unquoted(raw)
    return Scalar(at, value, raw, reads_as)


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
