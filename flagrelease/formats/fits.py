"""Whether a value may stand where a type of `domain` is wanted, asked before a draft is written."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


def fits(kind: object, value: object) -> bool:
    """Whether the type takes the value as it is."""
    try:
        _adapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
