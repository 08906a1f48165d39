"""What somebody probably meant by a name that is not there."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_NEAR: Final = 0.5
_SURE: Final = 0.75
_MOST: Final = 3
_LONGEST: Final = 80
"""Characters; comparing longer texts would take long, and no name has more."""


def meant(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Known names that are like this one, the nearest first."""
    return _near(name, frozenset(known))


def surely_meant(name: str, known: Iterable[str]) -> str | None:
    """The one known name that is very much like this one; None where there are several, or none."""
    near = [one for one in meant(name, known) if difflib.SequenceMatcher(a=one, b=name).ratio() >= _SURE]
    return near[0] if len(near) == 1 else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint: the near names, or else all of them."""
    near = meant(name, known)
    if near:
        return f"did you mean {' or '.join(f'`{one}`' for one in near)}?"
    there = sorted(set(known))
    return f"there are: {', '.join(there)}" if there else "there is none yet"


@lru_cache(maxsize=1024)
def _near(name: str, known: frozenset[str]) -> tuple[str, ...]:
    """Remembered, since a recipe that was renamed is missing to everything that names it."""
    if len(name) > _LONGEST:
        return ()
    return tuple(difflib.get_close_matches(name, sorted(known), n=_MOST, cutoff=_NEAR))
