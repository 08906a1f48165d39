"""Versions as chip vendors write them: `25.5.0`, `8.2.RC1`, `6.3.30-V1.4.1a`, `570.158.01`.

They are no PEP 440 versions, and their case differs between a vendor's texts and its image tags.
"""

import re
from functools import total_ordering
from itertools import zip_longest
from typing import Final

_PART: Final = re.compile(r"[0-9]+|[a-z]+")
_BEFORE_RELEASE: Final = ("dev", "alpha", "beta", "pre", "rc")
_BEFORE_WITH_NUMBER: Final = ("a", "b")
"""`1.0a1` comes before 1.0; `1.4.1a`, as driver versions have it, after 1.4.1."""


@total_ordering
class VendorVersion:
    """One version, compared part by part: numbers as numbers, `rc` and its like before the release itself."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = _PART.findall(text.lower())
        self.parts = tuple(_part(part, after) for part, after in zip_longest(found, found[1:], fillvalue=""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VendorVersion) and self._trimmed() == other._trimmed()

    def __hash__(self) -> int:
        return hash(self._trimmed())

    def __lt__(self, other: "VendorVersion") -> bool:
        length = max(len(self.parts), len(other.parts))
        return self._padded(length) < other._padded(length)

    def _padded(self, length: int) -> tuple[tuple[int, int, str], ...]:
        return self.parts + (_END,) * (length - len(self.parts))

    def _trimmed(self) -> tuple[tuple[int, int, str], ...]:
        parts = self.parts
        while parts and parts[-1] == _END:
            parts = parts[:-1]
        return parts


_END: Final = (1, 0, "")
"""A part that is not there: after `rc`, equal to 0, before anything else."""


def _part(text: str, after: str) -> tuple[int, int, str]:
    if text.isdigit():
        return (1, int(text), "")
    before = text in _BEFORE_RELEASE or (text in _BEFORE_WITH_NUMBER and after.isdigit())
    return (0, 0, text) if before else (2, 0, text)


def at_least(version: str, least: str) -> bool:
    """Whether `version` is `least` or newer."""
    return VendorVersion(version) >= VendorVersion(least)
