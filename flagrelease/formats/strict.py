"""YAML and JSON to values: nothing is guessed, and every fault of a document is told at once, at its place."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.faults import faults_of, wanted
from flagrelease.formats.json_tree import JsonTree, check_json
from flagrelease.formats.positions import (
    Fault,
    Listing,
    Mapping,
    Node,
    Path,
    Position,
    Reading,
    Scalar,
    UnreadableError,
    found,
    path_text,
    plain,
    position_in,
    shown,
)
from flagrelease.formats.schema import schema_file
from flagrelease.formats.shapes import choice_values_at, choices_at, wanted_below, wants_any, wants_null
from flagrelease.formats.yaml_tree import YamlTree

V = TypeVar("V", bound=Value)

YAML_LIMIT: Final = 1 << 20
"""Bytes of a YAML file."""

JSON_LIMIT: Final = 64 << 20
"""Bytes of a JSON file: an evaluation run holds a record an item."""

_FAULTS_SHOWN: Final = 100
_ERRORS_PLACED: Final = 1000
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode_yaml(text: str | bytes, kind: type[V], *, source: str) -> V:
    """Read a YAML document of this kind; `source` is what messages call it.

    Raises RecipeError with one line a fault: `source:line:col: path.to.key: what is wrong`.
    """
    tree = YamlTree()
    try:
        root = tree.read(_checked(text, YAML_LIMIT))
    except UnreadableError as stop:
        _refuse([*tree.faults, stop.fault], kind, source)
    faults = [*tree.faults, *_misread(root, kind, ())]
    try:
        value = kind.model_validate_json(json.dumps(plain(root)), strict=True)
    except ValidationError as error:
        told = {(fault.at, fault.path) for fault in faults}
        faults += [fault for fault in faults_of(_details(error), kind, root) if (fault.at, fault.path) not in told]
        _refuse(faults, kind, source)
    if faults:
        _refuse(faults, kind, source)
    return value


def decode_json(data: str | bytes, kind: type[V], *, source: str) -> V:
    """Read a JSON document of this kind; `source` is what messages call it.

    Raises RecipeError with one line a fault: `source:line:col: path.to.key: what is wrong`.
    """
    tree = JsonTree()
    errors: list[ErrorDetails] = []
    value: V | None = None
    try:
        text = _checked(data, JSON_LIMIT)
        keys_are_unique = check_json(text)
        try:
            value = kind.model_validate_json(text, strict=True)
        except ValidationError as error:
            errors = _details(error)
        if value is None or not keys_are_unique:
            _refuse([*faults_of(errors, kind, tree.read(text)), *tree.faults], kind, source)
    except UnreadableError as stop:
        _refuse([*tree.faults, stop.fault], kind, source)
    return value


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)[:_ERRORS_PLACED]


def _checked(text: str | bytes, limit: int) -> str:
    """The document as text, when it is of a sane size and encoding."""
    if len(text) > limit:
        raise UnreadableError(Fault(Position(1, 1), "", f"wanted at most {limit:,} bytes, found {len(text):,}"))
    decoded = text if isinstance(text, str) else _decoded(text)
    if control := _CONTROL.search(decoded):
        at = position_in(decoded, control.start())
        raise UnreadableError(Fault(at, "", f"the character U+{ord(control[0]):04X} is not allowed"))
    return decoded


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        fault = Fault(position_in(before, len(before)), "", f"not UTF-8: byte 0x{data[error.start]:02x}")
        raise UnreadableError(fault) from error


def _misread(node: Node, wants: Any, path: Path) -> Iterator[Fault]:
    """Unquoted scalars that are something else to another reader, and what pydantic would let pass."""
    match node:
        case Mapping(entries=entries):
            for key, entry in entries.items():
                below = wanted_below(wants, node, key)
                if below is not None:
                    yield from _misread(entry.node, below, (*path, key))
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from _misread(item, wanted_below(wants, node, index), (*path, index))
        case Scalar():
            if text := _misread_words(node, wants):
                yield Fault(node.at, path_text(path), text)


def _misread_words(scalar: Scalar, wants: Any) -> str:
    """Empty also where pydantic is sure to complain: the scalar stands for a value of another type than wanted."""
    raw, reads_as = shown(scalar.raw), scalar.reads_as
    choices = choice_values_at(wants)
    if reads_as and raw and not _may_be_time(scalar, wants) and (wants_any(wants, str) or scalar.raw in choices):
        return f"wanted a string, found the unquoted {raw}, which YAML reads as {reads_as}: quote it"
    if choices and type(scalar.value) not in {type(choice) for choice in choices}:
        # pydantic takes `true` and `1.0` for the literal 1.
        return f"wanted {wanted(choices_at(wants))}, found {found(scalar)}"
    if reads_as == Reading.NUMBER and (choices or wants_any(wants, int, float)):
        return f"wanted a number as JSON spells it, such as 12 or -0.5, found {raw}"
    if reads_as == Reading.BOOLEAN and wants_any(wants, bool):
        return f"wanted true or false, found {raw}"
    if reads_as == Reading.NULL and wants_null(wants):
        return f"wanted a value or null, found {raw or 'nothing'}"
    return ""


def _may_be_time(scalar: Scalar, wants: Any) -> bool:
    return scalar.reads_as == Reading.TIME and wants_any(wants, date, datetime)


def _refuse(faults: Iterable[Fault], kind: type[Value], source: str) -> NoReturn:
    first = {(fault.at, fault.path): fault for fault in reversed(list(faults))}
    lines = [fault.line(source) for fault in sorted(first.values())]
    if len(lines) > _FAULTS_SHOWN:
        lines[_FAULTS_SHOWN:] = [f"{source}: and at least {len(lines) - _FAULTS_SHOWN:,} more"]
    file = schema_file(kind)
    raise RecipeError("\n".join(lines), hint=f"compare with recipes/schema/{file}" if file else "")
