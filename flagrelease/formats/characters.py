"""The characters and sizes that a document may have."""

import codecs
import re
from typing import Final

from flagrelease.formats.positions import Fault, Position, UnreadableError, position_in

YAML_LIMIT: Final = 1 << 20
"""Bytes of a YAML file."""

JSON_LIMIT: Final = 64 << 20
"""Bytes of a JSON file: an evaluation run holds a record an item."""

_CONTROL: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff"
# C1 controls; soft hyphen; marks, embeddings, overrides and isolates of text direction; zero width; line and paragraph
# separators, which only some readers take for line ends; annotations; tags. Joiners stay: some scripts need them.
_INVISIBLE: Final = (
    "\x80-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_REFUSED_IN_JSON: Final = re.compile(f"[{_CONTROL}]")
_REFUSED_IN_YAML: Final = re.compile(f"[{_CONTROL}{_INVISIBLE}]")
_PLAIN: Final = bytes([*b"\t\n\r", *range(0x20, 0x7F)])
_BYTE_ORDER_MARK: Final = "\ufeff"


def checked_json(data: str | bytes) -> str:
    """The document as text. Raises UnreadableError for its size, encoding or a control character."""
    decoded = _decoded(data, JSON_LIMIT)
    _refuse(decoded, _REFUSED_IN_JSON, 0)
    return decoded


def checked_yaml(data: str | bytes) -> str:
    """The same for YAML, which people read: what they could not see is refused as well."""
    decoded = _decoded(data, YAML_LIMIT)
    if isinstance(data, bytes) and not data.translate(None, _PLAIN):
        return decoded
    _refuse(decoded, _REFUSED_IN_YAML, int(decoded.startswith(_BYTE_ORDER_MARK)))
    return decoded


def refused_character(value: str) -> str:
    """What a message says of the first character that no recipe may have; empty when there is none."""
    found = _REFUSED_IN_YAML.search(value)
    return _words(found[0]) if found else ""


def too_long(limit: int, found: int) -> Fault:
    """A file that is larger than any sane one."""
    return Fault(Position(1, 1), "", f"wanted at most {limit:,} bytes, found {found:,}")


def _decoded(data: str | bytes, limit: int) -> str:
    if len(data) > limit:
        raise UnreadableError(too_long(limit, len(data)))
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UnreadableError(Fault(Position(1, 1), "", "this is UTF-16; save it as UTF-8")) from error
        before = data[: error.start].decode("utf-8")
        fault = Fault(position_in(before, len(before)), "", f"not UTF-8: byte 0x{data[error.start]:02x}")
        raise UnreadableError(fault) from error


def _refuse(text: str, characters: re.Pattern[str], start: int) -> None:
    if found := characters.search(text, start):
        raise UnreadableError(Fault(position_in(text, found.start()), "", _words(found[0])))


def _words(character: str) -> str:
    unseen = "invisible " if re.match(f"[{_INVISIBLE}]", character) else ""
    return f"the {unseen}character U+{ord(character):04X} is not allowed"
