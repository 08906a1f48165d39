"""What an unquoted scalar of YAML stands for, and what other readers may take it for.

Numbers, booleans and null are those of JSON. Every other spelling that YAML 1.1 or 1.2 (yaml.org/spec/1.2.2, 10.3.2)
would not take as text is told with what it could be taken for, so that the reader can ask for quotes.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from flagrelease.formats.lazy import lazily
from flagrelease.formats.positions import Reading

if TYPE_CHECKING:
    import yaml
else:
    # Most recipes are found in the cache, so most commands never need it.
    yaml = lazily("yaml")

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_JSON_WORDS: Final = {"true": True, "false": False, "null": None}
_LONGEST_NUMBER: Final = 100
_CORE_INT: Final = re.compile(r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_CORE_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_STAND_INS: Final[dict[Reading, int | bool | None]] = {Reading.NUMBER: 0, Reading.BOOLEAN: False, Reading.NULL: None}
_TAGS: Final = {
    "int": Reading.NUMBER,
    "float": Reading.NUMBER,
    "bool": Reading.BOOLEAN,
    "null": Reading.NULL,
    "timestamp": Reading.TIME,
}


class Unquoted(NamedTuple):
    """`reads_as` is set where JSON would not spell it so; `value` is then some value of that type."""

    value: str | int | float | bool | None
    reads_as: Reading | None = None


def read_unquoted(raw: str) -> Unquoted:
    """What an unquoted scalar spells."""
    if raw in _JSON_WORDS:
        return Unquoted(_JSON_WORDS[raw])
    if _JSON_NUMBER.match(raw) and len(raw) <= _LONGEST_NUMBER:
        number = json.loads(raw)
        if math.isfinite(number):
            return Unquoted(number)
    reads_as = _other_reading(raw)
    return Unquoted(raw if reads_as is None else _STAND_INS.get(reads_as, raw), reads_as)


@cache
def _resolver() -> yaml.resolver.Resolver:
    return yaml.resolver.Resolver()


def _other_reading(raw: str) -> Reading | None:
    if _CORE_INT.match(raw) or _CORE_FLOAT.match(raw):
        return Reading.NUMBER
    resolved: str = _resolver().resolve(yaml.ScalarNode, raw, (True, False))  # type: ignore[no-untyped-call]
    return _TAGS.get(resolved.rpartition(":")[2])
