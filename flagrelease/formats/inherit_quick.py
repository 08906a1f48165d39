"""The rules of `inherit` for plain data: the same result, or DoubtfulError for the tree to say what is wrong."""

from collections.abc import Callable

from flagrelease.formats.inherit import EXTENDS, MAX_CHAIN
from flagrelease.formats.quick import DoubtfulError, Plain
from flagrelease.formats.yaml_tree import MAX_NODES


def extend_plain(root: Plain, name: str, read: Callable[[str], Plain], trail: tuple[str, ...] = ()) -> Plain:
    """The document `name` on top of those it extends; `read(name)` reads another."""
    wanted = _extended_name(root, name, trail)
    if not wanted:
        return root
    base = extend_plain(read(wanted), wanted, read, (*trail, name))
    return _merged(_mapping(base), _without_extends(root))


def extend_plain_within(root: Plain, key: str) -> Plain:
    """Resolve `extends` between the entries of one mapping of the document."""
    siblings = root.get(key) if isinstance(root, dict) else None
    if not isinstance(siblings, dict) or not any(EXTENDS in one for one in siblings.values() if isinstance(one, dict)):
        return root

    def resolved(name: str, trail: tuple[str, ...]) -> Plain:
        node = siblings.get(name)
        wanted = _extended_name(node, name, trail)
        if not wanted:
            return node
        return _merged(_mapping(resolved(wanted, (*trail, name))), _without_extends(node))

    entries: dict[str, Plain] = {}
    left = MAX_NODES
    for name in siblings:
        entries[name] = resolved(name, ())
        left -= size_of_plain(entries[name], left)
        if left < 0:
            raise DoubtfulError
    return {**root, key: entries}


def size_of_plain(root: Plain, most: int) -> int:
    """How many values plain data has, itself not counted; beyond `most`, some larger number."""
    size = 0
    nodes = [root]
    while nodes and size <= most:
        node = nodes.pop()
        if isinstance(node, dict):
            size += 2 * len(node)
            nodes += node.values()
        elif isinstance(node, list):
            size += len(node)
            nodes += node
    return size


def _extended_name(node: Plain, name: str, trail: tuple[str, ...]) -> str:
    """Empty where there is none."""
    if not isinstance(node, dict) or EXTENDS not in node:
        return ""
    wanted = node[EXTENDS]
    if type(wanted) is not str or not wanted or wanted in (*trail, name) or len(trail) >= MAX_CHAIN:
        raise DoubtfulError
    return wanted


def _mapping(base: Plain) -> Plain:
    if not isinstance(base, dict):
        raise DoubtfulError
    return _without_extends(base)


def _without_extends(node: Plain) -> Plain:
    return {key: item for key, item in node.items() if key != EXTENDS} if EXTENDS in node else node


def _merged(base: Plain, over: Plain) -> Plain:
    merged = dict(base)
    for key, item in over.items():
        beneath = base.get(key)
        merged[key] = _merged(beneath, item) if isinstance(beneath, dict) and isinstance(item, dict) else item
    return merged
