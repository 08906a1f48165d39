"""A document as a tree that remembers where each part was written."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

MAX_DEPTH = 64
"""Nested lists and mappings; recipes use about ten."""

MAX_SHOWN = 60
"""Characters of a found value that a message repeats."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """Where something begins; both count from 1. `source` is set where a document is made of several files."""

    line: int
    column: int
    source: str = ""


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    at: Position
    path: str
    text: str

    def line(self, source: str) -> str:
        """`source:line:col: path: what is wrong`; a position that knows its file is in that one."""
        place = f"{self.at.source or source}:{self.at.line}:{self.at.column}: "
        return f"{place}{self.path}: {self.text}" if self.path else f"{place}{self.text}"


class Reading(StrEnum):
    """What an unquoted scalar is to a YAML reader, when it is not text."""

    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NULL = "null"
    TIME = "a date or time"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number, boolean or null. `raw` is its spelling.

    `reads_as` is set for an unquoted YAML scalar that JSON would not spell so: what YAML readers may make of it.
    `value` is then some value of that type.
    """

    at: Position
    value: str | int | float | bool | None
    raw: str
    reads_as: Reading | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value; `beneath` is what it took the place of, when a file extends another."""

    key_at: Position
    node: "Node"
    beneath: "Entry | None" = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values; a key written twice is there once, and a fault."""

    at: Position
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    at: Position
    items: list["Node"] = field(default_factory=list)


Node: TypeAlias = Scalar | Mapping | Listing
Path: TypeAlias = tuple[str | int, ...]


class UnreadableError(Exception):
    """The document cannot be read on from here; carries what is wrong and where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def position_in(text: str, index: int) -> Position:
    """Where a character is; lines end with a line feed."""
    return Position(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def path_text(path: Sequence[str | int]) -> str:
    """`variants.llamacpp.files[0].path`; keys that could be misread are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.match(part) and len(part) <= MAX_SHOWN else quoted(part)
            text += f".{key}" if text else key
    return text


def shown(value: str) -> str:
    """Cut, and without a character that could disturb a terminal."""
    return printable(value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…")


def printable(value: str) -> str:
    """Without a character that could disturb a terminal or pass for something else."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in value)


def quoted(value: str) -> str:
    """As `shown`, in quotes."""
    return f"'{shown(value)}'"


def stamped(node: Node, source: str) -> Node:
    """The same tree with positions that know their file."""
    # Made directly: `dataclasses.replace` takes three times as long, and a file may have 20,000 nodes.
    at = Position(node.at.line, node.at.column, source)
    match node:
        case Mapping(entries=entries):
            return Mapping(
                at,
                {
                    key: Entry(Position(entry.key_at.line, entry.key_at.column, source), stamped(entry.node, source))
                    for key, entry in entries.items()
                },
            )
        case Listing(items=items):
            return Listing(at, [stamped(item, source) for item in items])
        case Scalar():
            return replace(node, at=at)


def found(node: Node) -> str:
    """What a message calls this value."""
    match node:
        case Mapping():
            return "a mapping"
        case Listing():
            return "a list"
        case Scalar():
            return _found_scalar(node)


def _found_scalar(node: Scalar) -> str:
    match node.value:
        case None:
            return "null" if node.raw else "nothing"
        case bool():
            return f"the boolean {node.raw}"
        case int() | float():
            return f"the number {shown(node.raw)}"
        case str():
            return f"the string {quoted(node.raw)}"


def plain(node: Node) -> object:
    """The tree as JSON data."""
    match node:
        case Mapping():
            return {key: plain(entry.node) for key, entry in node.entries.items()}
        case Listing():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value
