"""Change parts of a YAML text in place, so that its comments and its layout stay as somebody wrote them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import yaml

from flagrelease.domain.value import Value
from flagrelease.formats.positions import Entry, Mapping, Node, Position, Scalar
from flagrelease.formats.strict import read_yaml, refuse

_LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_BYTE_ORDER_MARK: Final = "\ufeff"
_QUOTES: Final = frozenset("\"'")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Put `text` in the place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML text, its tree, and where in the text each scalar of the tree stands."""

    text: str
    source: str
    root: Mapping
    spans: dict[tuple[int, int], tuple[int, int]]

    def renamed(self, entry: Entry, name: str) -> Edit:
        """Call a key something else."""
        start, end = self._span(entry.key_at)
        return Edit(start=start, end=end, text=name)

    def replaced(self, scalar: Scalar, text: str) -> Edit:
        """Give a scalar another text; quotes stay."""
        start, end = self._span(scalar.at)
        quote = self.text[start] if self.text[start] in _QUOTES else ""
        return Edit(start=start, end=end, text=f"{quote}{text}{quote}")

    def put_before(self, entry: Entry, mapping: Mapping, line: str) -> Edit:
        """Write `key: value` before the first key of a mapping, in the same style."""
        start, _ = self._span(entry.key_at)
        if mapping.at == entry.key_at:
            newline = "\r\n" if "\r\n" in self.text else "\n"
            return Edit(start=start, end=start, text=f"{line}{newline}{' ' * (entry.key_at.column - 1)}")
        return Edit(start=start, end=start, text=f"{line}, ")

    def _span(self, at: Position) -> tuple[int, int]:
        return self.spans[at.line, at.column]


def document(text: str, *, source: str) -> Document:
    """The text as a tree that can be edited. Raises RecipeError when it cannot be read, or is no mapping."""
    root, faults = read_yaml(text, Value, source=source)
    if faults:
        refuse(faults, Value, source)
    return Document(text=text, source=source, root=as_mapping(root), spans=_spans(text))


def as_mapping(node: Node | None) -> Mapping:
    """The mapping, or an empty one where something else stands: the reader of the result will say so."""
    return node if isinstance(node, Mapping) else Mapping(Position(1, 1))


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; they do not overlap."""
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _spans(text: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Line and column, from 1, of each scalar: first and last character in the text."""
    # The parser does not count a byte order mark.
    before = 1 if text.startswith(_BYTE_ORDER_MARK) else 0
    found = {}
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.ScalarEvent):
            mark, end = event.start_mark, event.end_mark
            assert mark is not None
            assert end is not None
            start = mark.index + before
            # A folded text ends where the next key begins.
            written = text[start : end.index + before].rstrip()
            found[mark.line + 1, mark.column + 1] = (start, start + len(written))
    return found
