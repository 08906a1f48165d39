"""Unquoted scalars that are something else to another reader, and what pydantic would let pass."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

from flagrelease.formats.faults import TIMES, wanted
from flagrelease.formats.positions import (
    Fault,
    Listing,
    Mapping,
    Node,
    Path,
    Reading,
    Scalar,
    found,
    path_text,
    shown,
)
from flagrelease.formats.shapes import (
    choice_values_at,
    choices_at,
    wanted_below,
    wants_any,
    wants_anything,
    wants_null,
)

DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
"""How a date or time begins."""


def misread(node: Node, wants: Any, path: Path = ()) -> Iterator[Fault]:
    """Every such scalar of a tree, where the type `wants` says what is meant."""
    match node:
        case Mapping(entries=entries):
            for key, entry in entries.items():
                below = wanted_below(wants, node, key)
                if below is not None:
                    yield from misread(entry.node, below, (*path, key))
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from misread(item, wanted_below(wants, node, index), (*path, index))
        case Scalar():
            if text := _words(node, wants):
                yield Fault(node.at, path_text(path), text)


def _words(scalar: Scalar, wants: Any) -> str:
    """Empty also where pydantic is sure to complain: the scalar stands for a value of another type than wanted."""
    if wants_any(wants, date, datetime):
        return _time_words(scalar, wants)
    if scalar.reads_as:
        return _unquoted_words(scalar, scalar.reads_as, wants)
    if _is_choice_of_another_type(scalar, choice_values_at(wants)):
        return f"wanted {wanted(choices_at(wants))}, found {found(scalar)}"
    return ""


def _unquoted_words(scalar: Scalar, reads_as: Reading, wants: Any) -> str:
    raw, choices = shown(scalar.raw), choice_values_at(wants)
    as_yaml = f"which YAML reads as {reads_as}: quote it"
    cases = (
        (
            raw and (wants_any(wants, str) or scalar.raw in choices),
            f"wanted a string, found the unquoted {raw}, {as_yaml}",
        ),
        (
            reads_as == Reading.NUMBER and (choices or wants_any(wants, int, float)),
            f"wanted a number as JSON spells it, such as 12 or -0.5, found {raw}",
        ),
        (reads_as == Reading.NULL and wants_null(wants), f"wanted a value or null, found {raw or 'nothing'}"),
        (choices, f"wanted {wanted(choices_at(wants))}, found {found(scalar)}" if choices else ""),
        (reads_as == Reading.BOOLEAN and wants_any(wants, bool), f"wanted true or false, found {raw}"),
        (wants_anything(wants), f"found the unquoted {raw or 'nothing'}, {as_yaml}, or spell it as JSON does"),
    )
    return next((text for holds, text in cases if holds), "")


def _time_words(scalar: Scalar, wants: Any) -> str:
    """Pydantic takes "12" for the twelfth second of 1970."""
    if scalar.reads_as == Reading.NULL and wants_null(wants):
        return f"wanted a value or null, found {shown(scalar.raw) or 'nothing'}"
    if isinstance(scalar.value, str) and not DATE.match(scalar.value):
        return f"wanted {TIMES[datetime if wants_any(wants, datetime) else date]}, found {found(scalar)}"
    return ""


def _is_choice_of_another_type(scalar: Scalar, choices: tuple[object, ...]) -> bool:
    """Pydantic takes `true` and `1.0` for the literal 1."""
    alike = [choice for choice in choices if choice == scalar.value]
    return bool(alike) and type(scalar.value) not in {type(choice) for choice in alike}
