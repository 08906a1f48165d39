"""Where in a file a hunk belongs: exactly, as git would find it, or nearest to it."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

_MOST_PLACES: Final = 50
"""Places of one line that are counted: an empty line stands everywhere and says nothing."""

_MOST_LINES: Final = 2000
"""Lines of a hunk that are looked for: more say no more about its place."""


class Near(NamedTuple):
    """The line (from 1) where the hunk would begin, how many of its lines are there, and which is the first other."""

    line: int
    fits: int
    first_other: int


def fits(wanted: Sequence[bytes], content: bytes) -> bool:
    """Whether the wanted lines stand somewhere in the file, one after the other."""
    text = b"\n" + b"".join(wanted)
    # A last line without an end is the last one of the file.
    return text in b"\n" + content if text.endswith(b"\n") else (b"\n" + content).endswith(text)


def nearest(wanted: Sequence[bytes], lines: Sequence[bytes], expected: int) -> Near:
    """The place where most of the wanted lines are; of equal ones the nearest to the expected line."""
    places = defaultdict(list)
    for number, text in enumerate(lines):
        places[text].append(number)
    votes: Counter[int] = Counter()
    for offset, text in enumerate(wanted[:_MOST_LINES]):
        for number in _around(places.get(text, []), expected - 1 + offset):
            votes[number - offset] += 1
    if not votes:
        return Near(max(1, min(expected, len(lines))), 0, 0)
    best = max(votes, key=lambda start: (votes[start], -abs(start + 1 - expected)))
    other = next(
        (at for at, text in enumerate(wanted) if not 0 <= best + at < len(lines) or lines[best + at] != text), 0
    )
    return Near(max(best + 1, 1), votes[best], other)


def _around(numbers: Sequence[int], expected: int) -> Sequence[int]:
    """Those next to the expected one, of numbers in their order."""
    at = bisect_left(numbers, expected)
    return numbers[max(0, at - _MOST_PLACES // 2) : at + _MOST_PLACES // 2]
