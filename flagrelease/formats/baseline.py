"""Baselines of both versions from their bytes."""

import json
from typing import Final

from flagrelease.domain.baseline import BaselineStatement
from flagrelease.domain.evidence import Baseline
from flagrelease.formats.strict import decode_json

_STATEMENT: Final = "flagrelease.baseline/v2"


def decoded(data: bytes, source: str) -> Baseline | BaselineStatement:
    """A baseline of either version. Raises RecipeError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        # The strict reader says where.
        document = None
    if isinstance(document, dict) and document.get("schema") == _STATEMENT:
        return decode_json(data, BaselineStatement, source=source)
    return decode_json(data, Baseline, source=source)
