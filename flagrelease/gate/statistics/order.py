"""One order of a task's items for every machine: by hash, so that no library's shuffle can move it."""

import hashlib
from collections.abc import Iterable


def fixed_order(items: Iterable[str], *, seed: int, task: str) -> tuple[str, ...]:
    """The item ids, sorted by the SHA-256 of seed, task and id: an order that no answer can have influenced.

    Raises ValueError when an id occurs twice.
    """
    ids = list(items)
    if len(set(ids)) != len(ids):
        raise ValueError(f"wanted each item once in task {task}, found {len(ids) - len(set(ids))} more than once")
    # A line feed cannot be confused with a part of the seed, and the length keeps task and id apart.
    return tuple(sorted(ids, key=lambda item: _rank(f"{seed}\n{len(task)}\n{task}\n{item}")))


def _rank(text: str) -> bytes:
    # An id from a record may hold half of a surrogate pair; it has a place like any other.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
