"""Whether a cell could be built now, from a look into its lock file: no more of it is read than that takes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ready", "locked", "open", "stale", "unlocked", "unreadable"]


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """How a cell stands. `locked`: every input is pinned, and nobody compared the lock with its recipe; `open` counts.

    `recipe_sha256` is what the lock was made from.
    """

    state: State
    open: int = 0
    recipe_sha256: str = ""

    def __str__(self) -> str:
        """As the matrix shows it."""
        if self.state == "open":
            return f"open: {self.open} input{'s' if self.open > 1 else ''}"
        return self.state


UNLOCKED = Readiness(state="unlocked")
UNREADABLE = Readiness(state="unreadable")


def readiness_of(locks: bytes | None, variants: Iterable[str]) -> Mapping[str, Readiness]:
    """By variant, from the bytes of the bundle's lock file, or None where it has none.

    A file that does not look like a lock is unreadable for every variant, here as for `build`.
    """
    if locks is None:
        return dict.fromkeys(variants, UNLOCKED)
    try:
        found = json.loads(locks)["variants"]
        return {name: _readiness(found[name]) if name in found else UNLOCKED for name in variants}
    except (ValueError, TypeError, KeyError, RecursionError):
        return dict.fromkeys(variants, UNREADABLE)


def _readiness(lock: Any) -> Readiness:
    made_from = lock["recipe_sha256"]
    if not isinstance(made_from, str):
        return UNREADABLE
    match lock:
        case {"kind": "whole"}:
            return Readiness(state="locked", recipe_sha256=made_from)
        case {"kind": "partial", "inputs": [*inputs]}:
            opened = sum(one["status"] != "locked" for one in inputs)
            return Readiness(state="open" if opened else "locked", open=opened, recipe_sha256=made_from)
        case _:
            return UNREADABLE
