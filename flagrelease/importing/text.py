"""A card's bytes to lines: of a sane size, UTF-8, without a character that could steer a terminal."""

import re
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.value import Value
from flagrelease.formats.positions import Fault, Position, position_in
from flagrelease.formats.strict import refuse
from flagrelease.importing.defect import CardDefect

LIMIT: Final = 1 << 18
"""Bytes of a card; published ones have some ten thousand."""

LONGEST_LINE: Final = 20_000
"""Characters of a line; what is beyond is an embedded picture."""

_STRANGE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_HIDDEN: Final = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ue000-\uf8ff\ufeff]")
_END: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class CardText:
    """The lines of a card, the first being line 1, and what was strange about its characters."""

    lines: tuple[str, ...]
    defects: tuple[CardDefect, ...]


def read_card(data: str | bytes, *, source: str) -> CardText:
    """The card as lines. Raises RecipeError when it is too large or not UTF-8."""
    if len(data) > LIMIT:
        found = f"found more than {LIMIT:,}" if isinstance(data, bytes) else f"found {len(data):,}"
        refuse([Fault(Position(1, 1), "", f"wanted a model card of at most {LIMIT:,} bytes, {found}")], Value, source)
    text = data if isinstance(data, str) else _decoded(data, source)
    lines, defects = [], []
    for number, line in enumerate(_END.split(text.removeprefix("\ufeff")), start=1):
        cut = line[:LONGEST_LINE]
        strange = sorted({f"U+{ord(c):04X}" for pattern in (_STRANGE, _HIDDEN) for c in pattern.findall(cut)})
        if strange:
            what = f"characters that cannot be seen: {', '.join(strange[:5])}"
            defects.append(CardDefect(line=number, kind="control-character", what=what))
        lines.append(_HIDDEN.sub("", _STRANGE.sub("\N{REPLACEMENT CHARACTER}", cut)).expandtabs(4))
    return CardText(lines=tuple(lines), defects=tuple(defects))


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        fault = Fault(position_in(before, len(before)), "", f"not UTF-8: byte 0x{data[error.start]:02x}")
        refuse([fault], Value, source)
