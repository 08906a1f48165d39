"""What a file says, read with care: a text, a number as it is written, settings as words."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

_LONGEST: Final = 400
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def text_of(value: Any) -> str | None:
    """One line of sane length, or None where there is no text."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    line = _STRANGE.sub(" ", str(value)).strip()
    return line[:_LONGEST] or None


def number_of(value: Any) -> float | None:
    """A finite number that is no boolean, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def count_of(value: Any) -> int | None:
    """A whole number from 0 on, or None."""
    number = number_of(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def mapping_of(document: Any, *keys: str) -> Mapping[str, Any]:
    """The object below these keys, or an empty one."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def spelled_of(value: Any) -> str | None:
    """A text as it is, anything else as JSON, None as none."""
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def decimals_of(value: float) -> int:
    """Decimals of the shortest spelling, no more than a record may have."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return min(30, max(0, -exponent)) if isinstance(exponent, int) else 0


def settings_of(*groups: Mapping[str, Any] | None) -> dict[str, str]:
    """Settings in one spelling: nested ones by their path, lists and texts as JSON. A later group wins."""
    flat: dict[str, str] = {}
    for group in groups:
        _flatten(group or {}, "", flat)
    return flat


def _flatten(value: Any, path: str, flat: dict[str, str]) -> None:
    if isinstance(value, Mapping):
        for key, below in value.items():
            _flatten(below, f"{path}.{key}" if path else str(key), flat)
    elif value is not None and path:
        spelled = json.dumps(value, sort_keys=True, ensure_ascii=False)
        flat[path[:_LONGEST]] = spelled if len(spelled) <= _LONGEST else f"sha256:{_sha256(spelled)}"


def digest_of(value: Any) -> str:
    """SHA-256 of a configuration, whatever the order of its keys."""
    return _sha256(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
