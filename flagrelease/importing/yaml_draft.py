"""A draft recipe as YAML text: keys with values, comments, and gaps; whatever a value holds, the text decodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from flagrelease.formats.yaml_text import Plain, comment, spelled, spelled_key

_WIDTH: Final = 120
_STEP: Final = "  "


@dataclass(frozen=True)
class Note:
    """A comment on a line of its own."""

    text: str


@dataclass(frozen=True)
class Gap:
    """A required key that the card says nothing of: left out, so that it is missed, beside a comment."""

    key: str
    why: str


@dataclass(frozen=True)
class Number:
    """A number as it is printed, such as 0.10."""

    text: str


@dataclass(frozen=True)
class Pair:
    """A key with its value; `note` stands behind it, or above where the value is a block."""

    key: str
    value: "Content"
    note: str = ""


Leaf: TypeAlias = Plain | Number
Block: TypeAlias = Sequence["Pair | Gap | Note"]
Content: TypeAlias = Leaf | Block | Sequence[Leaf] | Sequence[Block]


def draft_text(head: Sequence[str], block: Block) -> str:
    """The document: comments first, then the block."""
    return "".join(f"{line}\n" for line in (*(comment(text) for text in head), *_block(block, 0)))


def has_keys(block: Block) -> bool:
    """Whether anything of the block is more than a comment."""
    return any(isinstance(item, Pair) for item in block)


def _block(block: Block, depth: int) -> list[str]:
    lines: list[str] = []
    indent = _STEP * depth
    for item in block:
        match item:
            case Note(text):
                lines.append(indent + comment(text))
            case Gap(key, why):
                lines.append(indent + comment(f"TODO {key}: {why}"))
            case Pair():
                lines += _pair(item, depth)
    return lines


def _pair(pair: Pair, depth: int) -> list[str]:
    indent, key = _STEP * depth, spelled_key(pair.key)
    value = pair.value
    if value is None or isinstance(value, str | int | float | bool | Number):
        behind = f" {comment(pair.note)}" if pair.note else ""
        return [f"{indent}{key}: {_leaf(value)}{behind}"]
    above = [indent + comment(pair.note)] if pair.note else []
    if not value:
        return [*above, f"{indent}{key}: []"]
    if isinstance(value[0], Pair | Gap | Note):
        inner = [item for item in value if isinstance(item, Pair | Gap | Note)]
        if not has_keys(inner):
            # Only comments below a key would be read as null.
            return [*above, indent + comment(f"TODO {pair.key}:"), *_block(inner, depth)]
        return [*above, f"{indent}{key}:", *_block(inner, depth + 1)]
    return [*above, *_list(key, value, depth)]


def _list(key: str, value: Sequence[object], depth: int) -> list[str]:
    indent = _STEP * depth
    leaves = [item for item in value if item is None or isinstance(item, str | int | float | bool | Number)]
    if len(leaves) == len(value):
        line = f"{indent}{key}: [{', '.join(_leaf(leaf, in_flow=True) for leaf in leaves)}]"
        if len(line) <= _WIDTH:
            return [line]
        return [f"{indent}{key}:", *(f"{indent}{_STEP}- {_leaf(leaf)}" for leaf in leaves)]
    lines = [f"{indent}{key}:"]
    for item in value:
        assert isinstance(item, Sequence)
        inner = _block([one for one in item if isinstance(one, Pair | Gap | Note)], depth + 2)
        first = len(indent) + len(_STEP)
        lines += [f"{inner[0][:first]}- {inner[0][first + len(_STEP) :]}", *inner[1:]]
    return lines


def _leaf(value: Leaf, *, in_flow: bool = False) -> str:
    return value.text if isinstance(value, Number) else spelled(value, in_flow=in_flow)
