"""JSON schemas of the files that people write, so that editors complete them."""

import json
from typing import Any, Final

from flagrelease.domain.baseline import BaselineStatement
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.evalrun import EvalRunFile
from flagrelease.domain.evidence import Baseline
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import Harness
from flagrelease.domain.lock import LockFile
from flagrelease.domain.model import Model
from flagrelease.domain.published import Published
from flagrelease.domain.rehearsal import Rehearsal
from flagrelease.domain.stand_in import StandInBase, StandInBaseLock, StandInParts
from flagrelease.domain.value import Value
from flagrelease.formats.inherit import EXTENDS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_KINDS: Final[dict[str, type[Value]]] = {
    "baseline.json": Baseline,
    "baseline_statement.json": BaselineStatement,
    "benchmark.json": Benchmark,
    "bundle.json": Bundle,
    "chip.json": Chip,
    "engine.json": Engine,
    "evalrun.json": EvalRunFile,
    "gate.json": Policy,
    "harness.json": Harness,
    "lock.json": LockFile,
    "model.json": Model,
    "published.json": Published,
    "stand_in_base.json": StandInBase,
    "stand_in_base_lock.json": StandInBaseLock,
    "stand_ins.json": StandInParts,
    "rehearsal.json": Rehearsal,
}

_WRITTEN: Final = {Benchmark, Bundle, Chip, Engine, Harness, Model, Policy, Published, Rehearsal}
"""What people write, and what may extend another of its kind."""

_PART: Final = ".part"
_MEANS: Final = "the recipe, or variant, that this one is on top of; what is left out is as it is there"


def schema_file(kind: type[Value]) -> str:
    """The file below `recipes/schema/` that describes this kind; empty where there is none."""
    return next((file for file, known in _KINDS.items() if known is kind), "")


def recipe_schemas() -> dict[str, str]:
    """File name to JSON schema (draft 2020-12). Equal on every machine for equal code and pydantic."""
    return {file: json.dumps(_schema(file, kind), indent=2, ensure_ascii=False) + "\n" for file, kind in _KINDS.items()}


def _schema(file: str, kind: type[Value]) -> dict[str, Any]:
    generated = kind.model_json_schema(by_alias=True, mode="validation")
    head = {"$schema": DIALECT, "$id": file, "title": f"flagrelease {file.removesuffix('.json')}"}
    if kind not in _WRITTEN:
        return head | {key: part for key, part in generated.items() if key != "title"}
    whole = {**generated.pop("$defs", {}), kind.__name__: generated}
    both = {**whole, **{f"{name}{_PART}": _partial(part) for name, part in whole.items()}}
    for name in {kind.__name__, Variant.__name__} & whole.keys():
        both[name], both[f"{name}{_PART}"] = _extending(both[name], both[f"{name}{_PART}"], name)
    return {**head, "$defs": both, "$ref": f"#/$defs/{kind.__name__}"}


def _extending(whole: dict[str, Any], part: dict[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A definition that asks for all keys only where nothing is extended."""
    part["properties"] = {EXTENDS: {"type": "string", "minLength": 1, "description": _MEANS}, **part["properties"]}
    choice = {"if": {"required": [EXTENDS]}, "then": {"$ref": f"#/$defs/{name}{_PART}"}, "else": whole}
    return choice, part


def _partial(part: Any) -> Any:
    """The same, where any key may be left out to what is extended."""
    match part:
        case dict():
            kept = {key: _partial(inner) for key, inner in part.items() if key != "required" or isinstance(inner, dict)}
            if "$ref" in kept:
                kept["$ref"] += _PART
            if "oneOf" in kept:
                # Without the key that tells them apart, several may fit.
                kept["anyOf"] = kept.pop("oneOf")
                kept.pop("discriminator", None)
            return kept
        case list():
            return [_partial(inner) for inner in part]
        case _:
            return part
