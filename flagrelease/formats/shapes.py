"""What a value type wants at a place: found by following its annotations along a document."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue

from flagrelease.formats.positions import Entry, Listing, Mapping, Node, Path, Position, Scalar

KEY = "[key]"
"""How pydantic's locations end when not the value is wrong but its key."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where pydantic's location leads: the node there, or the innermost one around it.

    `path` is that of the document; `wants` is the annotation at the end of it, None where nothing is wanted.
    """

    node: Node
    at: Position
    path: Path
    wants: Any


def place_of(kind: type[BaseModel], root: Node, location: Path) -> Place:
    """Follow a pydantic error's location, which names union members (their tags) beside keys and indices."""
    place = Place(root, root.at, (), kind)
    for step, following in pairwise((*location, "")):
        members = models_of(place.wants)
        if len(members) > 1:
            member = _member(members, place.node)
            if member is not None and step in _tags(member):
                place = Place(place.node, place.at, place.path, member)
                continue
        if following == KEY:
            return _key(place, str(step))
        place = _down(place, step)
    return place


def _key(place: Place, key: str) -> Place:
    """The key itself, as if it were a value."""
    arguments = get_args(_bare(place.wants))
    at = _down(place, key).at
    return Place(Scalar(at, key, key), at, (*place.path, key), arguments[0] if arguments else None)


def _down(place: Place, step: str | int) -> Place:
    wants = wanted_below(place.wants, place.node, step)
    path = (*place.path, step)
    match place.node:
        case Mapping(entries=entries) if isinstance(step, str) and step in entries:
            entry: Entry = entries[step]
            return Place(entry.node, entry.key_at, path, wants)
        case Listing(items=items) if isinstance(step, int) and step < len(items):
            return Place(items[step], items[step].at, path, wants)
        case Scalar():
            # A union of plain types: pydantic names the member, the document has nothing below.
            return place
        case _:
            return Place(place.node, place.at, path, wants)


def wanted_below(wants: Any, node: Node, step: str | int) -> Any:
    """The annotation one step further down."""
    if wants_anything(wants):
        return wants
    members = models_of(wants)
    if members:
        member = _member(members, node) if len(members) > 1 else members[0]
        return fields_of(member).get(str(step)) if member is not None else None
    bare = _bare(wants)
    arguments = get_args(bare)
    match get_origin(bare):
        case origin if origin is dict:
            return arguments[1]
        case origin if origin is tuple and isinstance(step, int) and arguments[-1] is not Ellipsis:
            return arguments[step] if step < len(arguments) else None
        case origin if origin in (tuple, list):
            return arguments[0]
        case _:
            return None


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """Annotations by the key that a document uses; to be read only."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def keys_at(place: Place) -> tuple[str, ...]:
    """The keys that a mapping at this place may have; empty where any are welcome or no mapping is wanted."""
    members = models_of(place.wants)
    member = _member(members, place.node) if len(members) > 1 else next(iter(members), None)
    return tuple(fields_of(member)) if member is not None else ()


def choices_at(wants: Any) -> tuple[str, ...]:
    """The values that a Literal allows, as text."""
    return tuple(str(choice) for choice in choice_values_at(wants))


@cache
def choice_values_at(wants: Any) -> tuple[object, ...]:
    """The values that a Literal allows."""
    return tuple(c for member in _union(wants) if get_origin(member) is Literal for c in get_args(member))


def wants_any(wants: Any, *kinds: type) -> bool:
    """Whether one of these plain types may stand here."""
    return any(member in kinds for member in _union(wants))


def wants_null(wants: Any) -> bool:
    """Whether null may stand here."""
    bare = _bare(wants)
    return get_origin(bare) in (Union, UnionType) and NoneType in get_args(bare)


def wants_anything(wants: Any) -> bool:
    """Whether all that JSON can spell may stand here."""
    return _bare(wants) is JsonValue


def annotations_below(kind: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Every key that a document of this kind may have by name, with each annotation found below it."""
    seen: set[type[BaseModel]] = set()
    models = [kind]
    while models:
        model = models.pop()
        if model in seen:
            continue
        seen.add(model)
        for key, wants in fields_of(model).items():
            for inner in _inside(wants):
                yield key, inner
                models.extend(models_of(inner))


def _inside(wants: Any) -> Iterator[Any]:
    """The annotation, and those of what it holds."""
    for member in _union(wants):
        yield member
        if get_origin(member) in (dict, tuple, list):
            for argument in get_args(member):
                yield from _inside(argument)


@cache
def models_of(wants: Any) -> tuple[type[BaseModel], ...]:
    """The value types that could stand here; more than one for a union."""
    bare = (_bare(member) for member in _union(wants))
    return tuple(member for member in bare if isinstance(member, type) and issubclass(member, BaseModel))


def _member(members: tuple[type[BaseModel], ...], node: Node) -> type[BaseModel] | None:
    """The member of a union that the document names by a field whose value only that member allows."""
    if not isinstance(node, Mapping):
        return None
    for member in members:
        for key, wants in fields_of(member).items():
            entry = node.entries.get(key)
            if entry is None or not isinstance(entry.node, Scalar) or len(choices_at(wants)) != 1:
                continue
            if entry.node.value in choices_at(wants):
                return member
    return None


def _tags(member: type[BaseModel]) -> tuple[str, ...]:
    return tuple(
        tag for wants in fields_of(member).values() if len(choices_at(wants)) == 1 for tag in choices_at(wants)
    )


@cache
def _union(wants: Any) -> tuple[Any, ...]:
    bare = _bare(wants)
    if get_origin(bare) in (Union, UnionType):
        # A union may stand inside another: `Annotated[A | B, …] | None`.
        return tuple(inner for member in get_args(bare) if member is not NoneType for inner in _union(member))
    return (bare,)


@cache
def _bare(wants: Any) -> Any:
    while get_origin(wants) is Annotated:
        wants = get_args(wants)[0]
    return wants
