"""Change a recipe's text where a finding can be mended without a decision; comments and layout stay.

Every change is read back: only one that changes exactly what it was to change is kept.
"""

import re
from collections.abc import Iterable
from typing import Final

from flagrelease.formats.lookup import entry_at
from flagrelease.formats.positions import Entry, Listing, Mapping, Node, Path, Position, Scalar, UnreadableError, plain
from flagrelease.formats.yaml_text import spelled
from flagrelease.formats.yaml_tree import YamlTree
from flagrelease.lint.found import Fix, Remove, Replace, Respell

_NEXT: Final = re.compile(r"[ ]*,[ ]*")
_BEFORE: Final = re.compile(r",[ ]*\Z")


def mended(text: str, fixes: Iterable[Fix]) -> tuple[str, tuple[Fix, ...]]:
    """The text with what could be changed safely, and which of the fixes that were."""
    made: list[Fix] = []
    for fix in fixes:
        after = _respelled(text, fix) if isinstance(fix, Respell) else _changed(text, fix)
        if after is not None and after != text:
            text = after
            made.append(fix)
    return text, tuple(made)


def _changed(text: str, fix: Replace | Remove) -> str | None:
    read = _read(text)
    if read is None or read[1]:
        return None
    root = read[0]
    entry = entry_at(root, fix.key)
    if entry is None or not isinstance(entry.node, Scalar):
        return None
    if isinstance(fix, Replace):
        wanted, tried = _with(plain(root), fix.key, fix.becomes), _replacements(text, entry.node, fix.becomes)
    else:
        wanted, tried = _without(plain(root), fix.key), _removals(text, entry)
    for candidate in tried:
        again = _read(candidate)
        if again is not None and not again[1] and plain(again[0]) == wanted:
            return candidate
    return None


def _respelled(text: str, fix: Respell) -> str | None:
    """A word of a file that is no recipe yet: afterwards it has no more faults, and says the same but for that word."""
    before = _read(text)
    start = _index(text, fix.at)
    start += 1 if text[start : start + 1] in "\"'" else 0
    if before is None or not text.startswith(fix.was, start):
        return None
    end = start + len(fix.was)
    if re.match(r"[\w.+-]", text[end : end + 1]):
        return None
    candidate = text[:start] + fix.becomes + text[end:]
    after = _read(candidate)
    if after is None or after[1] > before[1]:
        return None
    words = zip(_words(before[0]), _words(after[0]), strict=False)
    changed = [pair for pair in words if pair[0] != pair[1]]
    same = len(_words(before[0])) == len(_words(after[0]))
    wanted = (fix.was, fix.becomes.strip('"'))
    return candidate if same and all(pair == wanted for pair in changed) and len(changed) <= 1 else None


def _read(text: str) -> tuple[Node, int] | None:
    """The tree, and the number of its faults; None where reading cannot go on."""
    tree = YamlTree()
    try:
        return tree.read(text), len(tree.faults)
    except UnreadableError:
        return None


def _replacements(text: str, node: Scalar, becomes: str) -> Iterable[str]:
    start = _index(text, node.at)
    quote = text[start : start + 1]
    if quote in "\"'":
        yield text[: start + 1] + becomes + text[start + 1 + len(node.raw) :]
    elif text.startswith(node.raw, start):
        yield text[:start] + spelled(becomes) + text[start + len(node.raw) :]


def _removals(text: str, entry: Entry) -> Iterable[str]:
    assert isinstance(entry.node, Scalar)
    start, end = _index(text, entry.key_at), _index(text, entry.node.at) + len(entry.node.raw)
    line = text.rfind("\n", 0, start) + 1
    next_line = text.find("\n", end) + 1 or len(text)
    if not text[line:start].strip():
        yield text[:line] + text[next_line:]
    if comma := _NEXT.match(text, end):
        yield text[:start] + text[comma.end() :]
    if comma := _BEFORE.search(text, line, start):
        yield text[: comma.start()] + text[end:]


def _index(text: str, at: Position) -> int:
    lines = text.split("\n")
    # The parser does not count a byte order mark.
    mark = 1 if at.line == 1 and text.startswith("\ufeff") else 0
    return sum(len(line) + 1 for line in lines[: at.line - 1]) + at.column - 1 + mark


def _words(node: Node) -> list[str]:
    """Every key and every value as it is spelled, in their order."""
    match node:
        case Mapping(entries=entries):
            return [word for key, entry in entries.items() for word in (key, *_words(entry.node))]
        case Listing(items=items):
            return [word for item in items for word in _words(item)]
        case Scalar(raw=raw):
            return [raw]


def _with(data: object, key: Path, value: str) -> object:
    match data, key:
        case dict(), (str() as step, *rest):
            return {k: _with(v, tuple(rest), value) if k == step else v for k, v in data.items()}
        case list(), (int() as step, *rest):
            return [_with(v, tuple(rest), value) if i == step else v for i, v in enumerate(data)]
        case _:
            return value


def _without(data: object, key: Path) -> object:
    match data, key:
        case dict(), (step,):
            return {k: v for k, v in data.items() if k != step}
        case dict(), (step, *rest):
            return {k: _without(v, tuple(rest)) if k == step else v for k, v in data.items()}
        case list(), (step, *rest):
            return [_without(v, tuple(rest)) if i == step else v for i, v in enumerate(data)]
        case _:
            return data
