"""YAML and JSON to values: nothing is guessed, and every fault of a document is told at once, at its place."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.characters import checked_json, checked_yaml
from flagrelease.formats.faults import faults_of
from flagrelease.formats.json_tree import JsonTree, check_json
from flagrelease.formats.misread import misread
from flagrelease.formats.positions import (
    Fault,
    Node,
    UnreadableError,
    plain,
    stamped,
)
from flagrelease.formats.quick import DoubtfulError, quick_plain, quick_value
from flagrelease.formats.schema import schema_file
from flagrelease.formats.yaml_tree import YamlTree

V = TypeVar("V", bound=Value)

_FAULTS_SHOWN: Final = 100
_ERRORS_PLACED: Final = 300


def decode_yaml(text: str | bytes, kind: type[V], *, source: str) -> V:
    """Read a YAML document of this kind; `source` is what messages call it.

    Raises RecipeError with one line a fault: `source:line:col: path.to.key: what is wrong`.
    """
    try:
        return quick_value(quick_plain(text, kind), kind).value
    except DoubtfulError:
        return decode_yaml_by_tree(text, kind, source=source)


def decode_yaml_by_tree(text: str | bytes, kind: type[V], *, source: str) -> V:
    """The same without the quick way, which never decides otherwise."""
    tree = YamlTree()
    try:
        root = tree.read(checked_yaml(text))
    except UnreadableError as stop:
        refuse([*tree.faults, stop.fault], kind, source)
    return value_of(root, kind, source=source, faults=tree.faults)


def read_yaml(text: str | bytes, kind: type[Value], *, source: str) -> tuple[Node, list[Fault]]:
    """Read a YAML document as a tree whose positions know their file, with what is wrong so far.

    Raises RecipeError where reading cannot go on.
    """
    tree = YamlTree()
    try:
        root = stamped(tree.read(checked_yaml(text)), source)
    except UnreadableError as stop:
        refuse([*tree.faults, stop.fault], kind, source)
    return root, [replace(fault, at=replace(fault.at, source=source)) for fault in tree.faults]


def value_of(root: Node, kind: type[V], *, source: str, faults: Iterable[Fault] = ()) -> V:
    """The value that a tree spells. Raises RecipeError with these faults and all that are found, one line each."""
    faults = [*faults, *misread(root, kind)]
    try:
        value = kind.model_validate_json(json.dumps(plain(root)), strict=True)
    except ValidationError as error:
        told = {(fault.at, fault.path) for fault in faults}
        faults += [fault for fault in faults_of(_details(error), kind, root) if (fault.at, fault.path) not in told]
        refuse(faults, kind, source)
    if faults:
        refuse(faults, kind, source)
    return value


def decode_json(data: str | bytes, kind: type[V], *, source: str) -> V:
    """Read a JSON document of this kind; `source` is what messages call it.

    Raises RecipeError with one line a fault: `source:line:col: path.to.key: what is wrong`.
    """
    tree = JsonTree()
    errors: list[ErrorDetails] = []
    value: V | None = None
    try:
        text = checked_json(data)
        keys_are_unique = check_json(text)
        try:
            value = kind.model_validate_json(text, strict=True)
        except ValidationError as error:
            errors = _details(error)
        if value is None or not keys_are_unique:
            refuse([*faults_of(errors, kind, tree.read(text)), *tree.faults], kind, source)
    except UnreadableError as stop:
        refuse([*tree.faults, stop.fault], kind, source)
    return value


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)[:_ERRORS_PLACED]


def refuse(faults: Iterable[Fault], kind: type[Value], source: str) -> NoReturn:
    """Raise RecipeError with one line a fault, in their order in the document."""
    first = {(fault.at, fault.path): fault for fault in reversed(list(faults))}
    lines = [fault.line(source) for fault in sorted(first.values(), key=lambda fault: (fault.at.source, fault))]
    if len(lines) > _FAULTS_SHOWN:
        lines[_FAULTS_SHOWN:] = [f"{source}: and at least {len(lines) - _FAULTS_SHOWN:,} more"]
    raise RecipeError("\n".join(lines), hint=_hint(first.values(), kind))


def _hint(faults: Iterable[Fault], kind: type[Value]) -> str:
    if any(fault.path == "schema" and "found the string 'flagrelease." in fault.text for fault in faults):
        return "run `flagrelease migrate`, which lifts files of an older schema version"
    file = schema_file(kind)
    return f"compare with recipes/schema/{file}" if file else ""
