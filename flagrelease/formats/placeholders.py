"""What a draft leaves to be filled in: texts that begin with `TODO`, and names that are `todo`.

A required key that a draft cannot guess at all is left out, beside a comment; the reader says that it is missing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.formats.positions import Listing, Mapping, Node, Path, Position, Scalar

TODO: Final = "TODO"
"""How a text that is still to be written begins."""

TODO_NAME: Final = "todo"
"""A name that is still to be chosen."""

_MARK: Final = re.compile(r"TODO(?![A-Za-z])|([^ ]*/)?todo(\{die\})?\Z")


@dataclass(frozen=True, kw_only=True)
class Placeholder:
    """One gap: the key whose value, or whose name, is to be filled in."""

    path: Path
    at: Position
    text: str


def todo(what: str) -> str:
    """The text that stands for one that is still to be written."""
    return f"{TODO}: {what}"


def is_placeholder(value: object) -> bool:
    """Whether this stands for something that is still to be filled in."""
    return isinstance(value, str) and _MARK.match(value) is not None


def placeholders(root: Node, path: Path = ()) -> Iterator[Placeholder]:
    """Every gap of a document, in its order."""
    match root:
        case Mapping(entries=entries):
            for key, entry in entries.items():
                if is_placeholder(key):
                    yield Placeholder(path=(*path, key), at=entry.key_at, text=key)
                yield from placeholders(entry.node, (*path, key))
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from placeholders(item, (*path, index))
        case Scalar(value=value):
            if is_placeholder(value):
                yield Placeholder(path=path, at=root.at, text=str(value))
