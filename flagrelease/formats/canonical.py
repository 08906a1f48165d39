"""One spelling a value, so that equal values have equal hashes: JSON with sorted keys and nothing between.

Floats are Python's shortest spelling that reads back equal; keys are sorted by code point; text is UTF-8. RFC 8785 is
not followed where it would spell 1.0 as 1: a value type knows which of the two it holds, and both read back.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from flagrelease.domain.value import Value

Json: TypeAlias = str | int | float | bool | Sequence[Any] | Mapping[str, Any] | None


def canonical_json(value: Value | Json) -> bytes:
    """The value's one spelling, for hashing. Raises ValueError on NaN, infinity and half characters."""
    spelled = json.dumps(_data(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return spelled.encode("utf-8")


def pretty_json(value: Value | Json) -> bytes:
    """The same data for a committed file: two spaces, sorted keys, a line feed at the end.

    Raises ValueError on NaN and infinity.
    """
    spelled = json.dumps(_data(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{spelled}\n".encode()


def sha256_of(value: Value | Json) -> str:
    """SHA-256 of the canonical spelling, in 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _data(value: Value | Json) -> object:
    """Defaults are written out: a hash must not change its meaning when a default does."""
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, Value) else _checked(value)


def _checked(data: object) -> object:
    """Refuse what JSON would spell as something else: a number or None as key, for one."""
    match data:
        case Mapping():
            if strange := [key for key in data if not isinstance(key, str)]:
                raise TypeError(f"wanted strings as keys, found {strange[0]!r}")
            return {key: _checked(item) for key, item in data.items()}
        case str() | bytes():
            return data
        case Sequence():
            return [_checked(item) for item in data]
        case _:
            return data
