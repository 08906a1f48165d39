"""JSON schemas of the files that people write, so that editors complete them."""

import json
from typing import Any, Final

from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.evidence import Baseline
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import LockFile
from flagrelease.domain.model import Model
from flagrelease.domain.value import Value

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_KINDS: Final[dict[str, type[Value]]] = {
    "baseline.json": Baseline,
    "bundle.json": Bundle,
    "chip.json": Chip,
    "gate.json": Policy,
    "lock.json": LockFile,
    "model.json": Model,
}


def schema_file(kind: type[Value]) -> str:
    """The file below `recipes/schema/` that describes this kind; empty where there is none."""
    return next((file for file, known in _KINDS.items() if known is kind), "")


def recipe_schemas() -> dict[str, str]:
    """File name to JSON schema (draft 2020-12). Equal on every machine for equal code and pydantic."""
    return {file: json.dumps(_schema(file, kind), indent=2, ensure_ascii=False) + "\n" for file, kind in _KINDS.items()}


def _schema(file: str, kind: type[Value]) -> dict[str, Any]:
    generated = kind.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, "$id": file, **generated, "title": f"flagrelease {file.removesuffix('.json')}"}
