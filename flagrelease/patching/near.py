"""Where in a file a hunk belongs: exactly, as git would find it, or nearest to it."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

_MOST_PLACES: Final = 50
"""Places of one line that are counted: an empty line stands everywhere and says nothing."""


class Near(NamedTuple):
    """The line (from 1) where the hunk would begin, how many of its lines are there, and which is the first other."""

    line: int
    fits: int
    first_other: int


def fits(wanted: Sequence[bytes], lines: Sequence[bytes]) -> bool:
    """Whether the wanted lines stand somewhere, one after the other."""
    if not wanted:
        return True
    first, count = wanted[0], len(wanted)
    at = -1
    try:
        while True:
            at = lines.index(first, at + 1)
            if list(lines[at : at + count]) == list(wanted):
                return True
    except ValueError:
        return False


def nearest(wanted: Sequence[bytes], lines: Sequence[bytes], expected: int) -> Near:
    """The place where most of the wanted lines are; of equal ones the nearest to the expected line."""
    places = defaultdict(list)
    for number, text in enumerate(lines):
        places[text].append(number)
    votes: Counter[int] = Counter()
    for offset, text in enumerate(wanted):
        there = places.get(text, [])
        for number in sorted(there, key=lambda found, at=offset: abs(found - at - expected + 1))[:_MOST_PLACES]:  # type: ignore[misc]
            votes[number - offset] += 1
    if not votes:
        return Near(max(1, min(expected, len(lines))), 0, 0)
    best = max(votes, key=lambda start: (votes[start], -abs(start + 1 - expected)))
    other = next(
        (at for at, text in enumerate(wanted) if not 0 <= best + at < len(lines) or lines[best + at] != text), 0
    )
    return Near(max(best + 1, 1), votes[best], other)
