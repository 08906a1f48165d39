"""What pydantic found wrong, in plain words and at its place in the document."""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flagrelease.formats.patterns import pattern_words
from flagrelease.formats.positions import (
    MAX_SHOWN,
    Fault,
    Listing,
    Mapping,
    Node,
    Path,
    Scalar,
    found,
    path_text,
    quoted,
)
from flagrelease.formats.shapes import KEY, Place, choices_at, fields_of, keys_at, models_of, place_of

TIMES: Final = {date: "a date such as 2030-12-31", datetime: "a time such as 2030-12-31T23:59:59Z"}

_WANTED: Final = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "date_type": TIMES[date],
    "date_parsing": TIMES[date],
    "date_from_datetime_parsing": TIMES[date],
    "date_from_datetime_inexact": TIMES[date],
    "datetime_type": TIMES[datetime],
    "datetime_parsing": TIMES[datetime],
    "datetime_from_date_parsing": TIMES[datetime],
    "finite_number": "a finite number",
}

_BOUNDS: Final = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def faults_of(errors: Iterable[ErrorDetails], kind: type[BaseModel], root: Node) -> list[Fault]:
    """Every error at its place; a misspelt key is one fault, not an unknown and a missing one."""
    faults: list[Fault] = []
    missing: dict[Path, Fault] = {}
    unknown: list[tuple[Place, Place]] = []
    for error in errors:
        place = place_of(kind, root, error["loc"])
        if error["type"] == "missing":
            missing[place.path] = Fault(place.at, path_text(place.path), "the key is missing")
        elif error["type"] == "extra_forbidden":
            unknown.append((place, place_of(kind, root, error["loc"][:-1])))
        elif not _follows_from_another(error, place):
            faults.append(_value_fault(error, place))
    for place, parent in unknown:
        key = str(place.path[-1])
        free = [k for k in keys_at(parent) if (*parent.path, k) in missing]
        meant = _close(key, free) or _close(key, keys_at(parent))
        missing.pop((*parent.path, meant), None)
        faults.append(Fault(place.at, path_text(place.path), "unknown key" + _meant(meant, keys_at(parent))))
    return [*faults, *missing.values()]


def wanted(names: Sequence[str]) -> str:
    """`'a', 'b' or 'c'`; numbers without quotes."""
    shown = [name if name.isdigit() else quoted(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _follows_from_another(error: ErrorDetails, place: Place) -> bool:
    """Entries that were refused do not count for pydantic, so a list of one bad entry is also too short."""
    if error["type"] != "too_short":
        return False
    return _size(place.node) >= int(error["ctx"]["min_length"])


def _value_fault(error: ErrorDetails, place: Place) -> Fault:
    if error["type"] == "union_tag_invalid":
        key = str(error["ctx"]["discriminator"]).strip("'")
        assert isinstance(place.node, Mapping)
        tag = place.node.entries[key].node
        return Fault(tag.at, path_text((*place.path, key)), _choice_words(_tag_choices(key, place), tag, found(tag)))
    return Fault(place.node.at, path_text(place.path), _words(error, place))


def _size(node: Node) -> int:
    match node:
        case Mapping(entries=entries):
            return len(entries)
        case Listing(items=items):
            return len(items)
        case Scalar(raw=raw):
            return len(raw)


def _words(error: ErrorDetails, place: Place) -> str:
    kind, context, node = error["type"], error.get("ctx", {}), place.node
    match kind:
        case "string_pattern_mismatch":
            return f"wanted {pattern_words(context['pattern'])}, found {_found(error, node)}{_lookalike(node)}"
        case "string_too_short" | "string_too_long" | "too_short" | "too_long":
            return _length_words(kind, context, node)
        case "literal_error":
            return _choice_words(choices_at(place.wants), node, _found(error, node))
        case "union_tag_not_found":
            return _no_tag_words(context["discriminator"].strip("'"), place)
        case "json_invalid" | "value_error":
            return f"{'not valid JSON: ' if kind == 'json_invalid' else ''}{context['error']}"
        case _:
            return f"{_wanted_words(error)}, found {_found(error, node)}{_advice(kind, node)}"


def _wanted_words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _WANTED:
        return f"wanted {_WANTED[kind]}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"wanted {word} {error['ctx'][key]:g}"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def _advice(kind: str, node: Node) -> str:
    is_bare = kind == "string_type" and isinstance(node, Scalar) and node.value is not None
    return ": quote it" if is_bare else ""


def _found(error: ErrorDetails, node: Node) -> str:
    if error["loc"][-1:] == (KEY,) and isinstance(node, Scalar):
        return f"the key {quoted(node.raw)}"
    return found(node)


def _lookalike(node: Node) -> str:
    """Patterns are of ASCII letters, and some others look just like them."""
    if not isinstance(node, Scalar) or node.raw.isascii():
        return ""
    other = next(character for character in node.raw if not character.isascii())
    return f", in which {quoted(other)} is U+{ord(other):04X} ({unicodedata.name(other, 'without a name').lower()})"


def _length_words(kind: str, context: dict[str, Any], node: Node) -> str:
    word, limit = ("at least", context["min_length"]) if kind.endswith("short") else ("at most", context["max_length"])
    size, unit = _size(node), "characters" if isinstance(node, Scalar) else "entries"
    if size == 0 and unit == "characters":
        return "wanted text, found an empty string"
    unit = {"entries": "entry", "characters": "character"}[unit] if limit == 1 else unit
    return f"wanted {word} {limit:,} {unit}, found {size:,}"


def _choice_words(choices: Sequence[str], node: Node, what: str) -> str:
    meant = _close(node.raw, choices) if isinstance(node, Scalar) else ""
    return f"wanted {wanted(choices)}, found {what}" + (f"; did you mean {quoted(meant)}?" if meant else "")


def _no_tag_words(key: str, place: Place) -> str:
    near = _close(key, list(place.node.entries)) if isinstance(place.node, Mapping) else ""
    asked = f"the key {quoted(key)} is missing; wanted {wanted(_tag_choices(key, place))}"
    return asked + (f"; did you mean it by {quoted(near)}?" if near else "")


def _tag_choices(key: str, place: Place) -> list[str]:
    """What the key may say that tells which of several values this is."""
    return [name for member in models_of(place.wants) for name in choices_at(fields_of(member)[key])]


def _close(word: str, among: Sequence[str]) -> str:
    """The nearest of these, or an empty string."""
    if len(word) > MAX_SHOWN:
        return ""
    return next(iter(difflib.get_close_matches(word, among, n=1, cutoff=0.6)), "")


def _meant(meant: str, allowed: Sequence[str]) -> str:
    if meant:
        return f"; did you mean {quoted(meant)}?"
    return f"; wanted one of {', '.join(allowed)}" if allowed else ""
