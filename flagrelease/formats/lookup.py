"""Find a key in a document: `variants.llamacpp.wheels[0]`."""

import re
from typing import Final

from flagrelease.formats.positions import Entry, Listing, Mapping, Node, Path, path_text

_STEP: Final = re.compile(r"""\.?(?:\[(\d+)\]|'([^']*)'|"([^"]*)"|([^.\[\]'"]+))""")


def path_of(text: str) -> Path:
    """The steps that a written key has. Raises ValueError when it is none."""
    steps: list[str | int] = []
    index = 0
    while index < len(text):
        found = _STEP.match(text, index)
        if found is None:
            raise ValueError(f"`{text}` is no key: wanted names joined by `.`, and `[0]` for a list's first entry")
        number, *names = found.groups()
        steps.append(int(number) if number is not None else next(name for name in names if name is not None))
        index = found.end()
    return tuple(steps)


def entry_at(root: Node, path: Path) -> Entry | None:
    """The entry a path leads to: its place, its value, and what that took the place of. None where nothing is.

    A name with dots in it (`cuda13.0`) is found by joining steps where no shorter name is there.
    """
    entry = Entry(root.at, root)
    steps = list(path)
    while steps:
        step = steps.pop(0)
        node = entry.node
        if isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
            entry = Entry(node.items[step].at, node.items[step])
        elif isinstance(node, Mapping):
            name = str(step)
            while name not in node.entries and steps:
                name = f"{name}.{steps.pop(0)}"
            if name not in node.entries:
                return None
            entry = node.entries[name]
        else:
            return None
    return entry


def nearest(root: Node, path: Path) -> tuple[Entry, Path]:
    """The entry of the longest beginning of the path that is there, and that beginning."""
    for length in range(len(path), 0, -1):
        entry = entry_at(root, path[:length])
        if entry is not None:
            return entry, path[:length]
    return Entry(root.at, root), ()


def keys_below(root: Node, path: Path = ()) -> list[str]:
    """Every key of the document, as `path_text` writes it."""
    match root:
        case Mapping(entries=entries):
            children = [((*path, key), entry.node) for key, entry in entries.items()]
        case Listing(items=items):
            children = [((*path, index), item) for index, item in enumerate(items)]
        case _:
            return []
    return [key for below, node in children for key in (path_text(below), *keys_below(node, below))]
