"""JSON as a tree with positions, which is read only when a document is refused, to say where."""

import json
import math
import re
from bisect import bisect_right
from json.decoder import JSONDecoder
from typing import Final

from flagrelease.formats.positions import (
    MAX_DEPTH,
    Entry,
    Fault,
    Listing,
    Mapping,
    Node,
    Path,
    Position,
    Scalar,
    UnreadableError,
    path_text,
    shown,
)

_STRING: Final = JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_BARE: Final = re.compile(r"[^\s,:\[\]{}\"]+")


def check_json(text: str) -> bool:
    """Whether every key is there once. Raises UnreadableError when this is no JSON (RFC 8259)."""
    unique = True

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal unique
        mapping = dict(found)
        unique = unique and len(mapping) == len(found)
        return mapping

    try:
        json.loads(text, object_pairs_hook=pairs, parse_constant=_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        at = Position(error.lineno, error.colno)
        raise UnreadableError(Fault(at, "", f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}")) from error
    except RecursionError as error:
        raise _unreadable(f"nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        raise _unreadable("a whole number has too many digits") from error
    return unique


def _constant(word: str) -> None:
    raise _unreadable(f"not valid JSON: {word} is no number there")


def _finite(spelling: str) -> float:
    number = float(spelling)
    if not math.isfinite(number):
        raise _unreadable(f"the number {shown(spelling)} is too large")
    return number


def _unreadable(text: str) -> UnreadableError:
    """Python's parser does not say where."""
    return UnreadableError(Fault(Position(1, 1), "", text))


class JsonTree:
    """Reads a text that `check_json` has accepted. `faults` holds the keys that are there twice."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._text = ""
        self._lines = [0]

    def read(self, text: str) -> Node:
        """The root. Raises UnreadableError when it is nested too deep to go on."""
        self._text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        return self._value(self._skip(0), ())[0]

    def _skip(self, index: int) -> int:
        found = _SPACE.match(self._text, index)
        return found.end() if found else index

    def _at(self, index: int) -> Position:
        line = bisect_right(self._lines, index)
        return Position(line, index - self._lines[line - 1] + 1)

    def _value(self, index: int, path: Path) -> tuple[Node, int]:
        if len(path) > MAX_DEPTH:
            raise UnreadableError(Fault(self._at(index), "", f"nested more than {MAX_DEPTH} deep"))
        match self._text[index]:
            case "{":
                return self._mapping(index, path)
            case "[":
                return self._listing(index, path)
            case '"':
                text, end = _STRING.raw_decode(self._text, index)
                return Scalar(self._at(index), text, text), end
            case _:
                found = _BARE.match(self._text, index)
                assert found is not None
                return Scalar(self._at(index), json.loads(found[0]), found[0]), found.end()

    def _mapping(self, index: int, path: Path) -> tuple[Node, int]:
        mapping = Mapping(self._at(index))
        index = self._skip(index + 1)
        while self._text[index] != "}":
            key_at = self._at(index)
            key, index = _STRING.raw_decode(self._text, index)
            node, index = self._value(self._skip(self._skip(index) + 1), (*path, key))
            if key in mapping.entries:
                text = f"the key is there twice; the first is on line {mapping.entries[key].key_at.line}"
                self.faults.append(Fault(key_at, path_text((*path, key)), text))
            else:
                mapping.entries[key] = Entry(key_at, node)
            index = self._past_comma(index)
        return mapping, index + 1

    def _listing(self, index: int, path: Path) -> tuple[Node, int]:
        listing = Listing(self._at(index))
        index = self._skip(index + 1)
        while self._text[index] != "]":
            node, index = self._value(index, (*path, len(listing.items)))
            listing.items.append(node)
            index = self._past_comma(index)
        return listing, index + 1

    def _past_comma(self, index: int) -> int:
        index = self._skip(index)
        return self._skip(index + 1) if self._text[index] == "," else index
