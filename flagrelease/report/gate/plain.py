"""Texts of files, made harmless to look at: nothing in them steers a terminal, hides, or turns the line around."""

import unicodedata
from typing import Final

LONGEST: Final = 2000
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS: Final = frozenset({"Mn", "Me"})
_STACKED: Final = 2
"""Marks that may stand on one letter; more are a way to write over the lines around."""


def plain(text: object, *, longest: int = LONGEST) -> str:
    """On one line: control, format (writing direction, zero width) and unknown characters become U+FFFD."""
    made: list[str] = []
    marks = 0
    for character in " ".join(str(text).split()):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if marks <= _STACKED:
            made.append("\N{REPLACEMENT CHARACTER}" if category in _HIDDEN else character)
        if len(made) > longest:
            return "".join(made[: longest - 1]) + "…"
    return "".join(made)
