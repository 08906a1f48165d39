"""Values as YAML text that `strict` reads back equal, but for characters that it refuses; comments of one line."""

import json
import re
from typing import Final, TypeAlias

from flagrelease.formats.characters import refused_character
from flagrelease.formats.positions import Mapping, Node, Scalar, UnreadableError
from flagrelease.formats.yaml_tree import YamlTree

Plain: TypeAlias = str | int | float | bool | None

MAX_TEXT: Final = 2000
"""Characters of a text; `domain.value.Text` takes no more."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9 ._/+@%=-]*\Z")
_LONGEST_PLAIN: Final = 1000
_COMMENT: Final = 160


def spelled(value: Plain, *, in_flow: bool = False) -> str:
    """The value as a scalar on one line: without quotes where YAML cannot take it for something else.

    `in_flow` is for a place between brackets, where more characters have a meaning.
    """
    if not isinstance(value, str):
        return json.dumps(value, allow_nan=False)
    if len(value) <= _LONGEST_PLAIN and (_PLAIN.match(value) if in_flow else value.isprintable()):
        read = _read(f"k: {value}\n")
        node = read.entries["k"].node if isinstance(read, Mapping) and list(read.entries) == ["k"] else None
        if isinstance(node, Scalar) and node.reads_as is None and node.value == value:
            return value
    return _quoted(value)


def spelled_key(key: str) -> str:
    """The key of a mapping, without quotes where it can do without. YAML takes no more than 1,024 characters."""
    if key.isprintable() and len(key) <= _LONGEST_PLAIN:
        tree = YamlTree()
        read = _read(f"{key}: 1\n", tree)
        if isinstance(read, Mapping) and list(read.entries) == [key] and not tree.faults:
            return key
    return _quoted(key)


def comment(text: str) -> str:
    """`# text` on one line, cut, without a character that could end it or steer a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"# {line}" if len(line) <= _COMMENT else f"# {line[: _COMMENT - 1]}…"


def sentence(text: str) -> str:
    """The text as `domain.value.Text` takes it: one line, nothing that cannot be printed, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"


def _read(text: str, tree: YamlTree | None = None) -> Node | None:
    try:
        return (tree or YamlTree()).read(text)
    except UnreadableError:
        return None


def _quoted(value: str) -> str:
    return f'"{"".join(_escaped(character) for character in value)}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    if refused_character(character):
        return "\N{REPLACEMENT CHARACTER}"
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - YAML's two lengths
