"""Documents that extend others: mappings are merged key by key, everything else takes the place of what was there."""

import difflib
from collections.abc import Callable, Iterable
from typing import Final

from flagrelease.formats.positions import (
    MAX_SHOWN,
    Entry,
    Fault,
    Listing,
    Mapping,
    Node,
    Position,
    Scalar,
    UnreadableError,
    found,
    path_text,
    quoted,
    shown,
)
from flagrelease.formats.yaml_tree import MAX_NODES

EXTENDS: Final = "extends"
"""The key that names what a document, or an entry of one of its mappings, begins as."""

MAX_CHAIN: Final = 16
"""Documents, or entries, that one begins as in the end: each extends the next."""

_LISTED: Final = 12


def extended_name(mapping: Node, path: str = EXTENDS) -> Scalar | None:
    """The name that a mapping's `extends` holds. Raises UnreadableError when it is no string."""
    entry = mapping.entries.get(EXTENDS) if isinstance(mapping, Mapping) else None
    if entry is None:
        return None
    node = entry.node
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value or node.reads_as:
        raise UnreadableError(Fault(node.at, path, f"wanted a name, found {found(node)}"))
    return node


def without_extends(node: Node) -> Node:
    """The same mapping without its `extends`."""
    if not isinstance(node, Mapping) or EXTENDS not in node.entries:
        return node
    return Mapping(node.at, {key: entry for key, entry in node.entries.items() if key != EXTENDS})


def merged(base: Node, over: Node) -> Node:
    """`over` on top of `base`. Keys of both stay in the order of `base`, new ones follow."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        beneath = base.entries.get(key)
        node = merged(beneath.node, entry.node) if beneath else entry.node
        entries[key] = Entry(entry.key_at, node, beneath)
    return Mapping(over.at, entries)


def extend_within(root: Node, key: str) -> Node:
    """Resolve `extends` between the entries of one mapping of the document, such as a bundle's variants.

    Raises UnreadableError for a name that is not there, for entries that extend each other in a circle, and when all
    together become too large: many entries may extend the same large one.
    """
    if not isinstance(root, Mapping) or key not in root.entries or not isinstance(root.entries[key].node, Mapping):
        return root
    holder = root.entries[key]
    assert isinstance(holder.node, Mapping)
    siblings = holder.node.entries

    def resolved(name: str, trail: tuple[str, ...]) -> Node:
        node, at = siblings[name].node, path_text((key, name, EXTENDS))
        wanted = extended_name(node, at)
        if wanted is None:
            return node
        other = str(wanted.value)
        if other not in siblings:
            text = f"nothing here is called {quoted(other)}{near(other, siblings)}"
            raise UnreadableError(Fault(wanted.at, at, text))
        _refuse_chain(wanted, name, trail, at)
        return _on_top(resolved(other, (*trail, name)), without_extends(node), wanted, at)

    entries: dict[str, Entry] = {}
    left = MAX_NODES
    for name, entry in siblings.items():
        entries[name] = Entry(entry.key_at, resolved(name, ()), entry.beneath)
        left -= size_of(entries[name].node, left)
        if left < 0:
            raise too_large(entry.key_at, path_text((key, name)))
    inner = Entry(holder.key_at, Mapping(holder.node.at, entries), holder.beneath)
    return Mapping(root.at, {**root.entries, key: inner})


def extend(root: Node, name: str, read: Callable[[str, Scalar], Node], trail: tuple[str, ...] = ()) -> Node:
    """The document `name` on top of those it extends; `read(name, asked_by)` reads another.

    Raises UnreadableError for documents that extend each other in a circle.
    """
    wanted = extended_name(root)
    if wanted is None:
        return root
    _refuse_chain(wanted, name, trail, EXTENDS)
    other = str(wanted.value)
    base = extend(read(other, wanted), other, read, (*trail, name))
    return _on_top(without_extends(base), without_extends(root), wanted, EXTENDS)


def size_of(root: Node, most: int) -> int:
    """How many values a tree has, itself not counted; beyond `most`, some larger number."""
    size = 0
    nodes = [root]
    while nodes and size <= most:
        match nodes.pop():
            case Mapping(entries=entries):
                size += 2 * len(entries)
                nodes += [entry.node for entry in entries.values()]
            case Listing(items=items):
                size += len(items)
                nodes += items
            case _:
                pass
    return size


def too_large(at: Position, path: str) -> UnreadableError:
    """What extends and what is extended have too many values together."""
    return UnreadableError(Fault(at, path, f"more than {MAX_NODES:,} values with what is extended"))


def near(name: str, among: Iterable[str]) -> str:
    """The end of a message about a name that is not there."""
    known = sorted(among)
    close = difflib.get_close_matches(name[:MAX_SHOWN], known, n=1, cutoff=0.4)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    return f"; there are {', '.join(map(shown, known))}" if 0 < len(known) <= _LISTED else ""


def _on_top(base: Node, over: Node, wanted: Scalar, path: str) -> Node:
    if not isinstance(base, Mapping):
        text = f"wanted a mapping under the name {quoted(str(wanted.value))}, found {found(base)}"
        raise UnreadableError(Fault(wanted.at, path, text))
    return merged(base, over)


def _refuse_chain(wanted: Scalar, name: str, trail: tuple[str, ...], path: str) -> None:
    other = str(wanted.value)
    if other in (*trail, name):
        circle = " → ".join(shown(step) for step in (*trail, name, other))
        raise UnreadableError(Fault(wanted.at, path, f"what it extends leads back to itself: {circle}"))
    if len(trail) >= MAX_CHAIN:
        raise UnreadableError(Fault(wanted.at, path, f"wanted at most {MAX_CHAIN} that extend one another, found more"))
