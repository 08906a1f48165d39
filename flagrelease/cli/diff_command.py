"""Compare two bundles by meaning: keys of their recipes, the environment they run with, and the inputs of their locks.

A bundle is `chip/model` or `chip/model/variant`, as it is in the working tree; at a git revision it is
`chip/model@REVISION` or `REVISION:chip/model`, and as it last was at its own revision r1, `chip/model@r1`. What is
only for readers (notes, sources, defects, waivers) is left out unless --all asks for it. It ends with 0 also when the
two differ: read `equal` in --json.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, NamedTuple

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.history import last_commit_of
from flagrelease.adapters.recipes.places import Trees
from flagrelease.adapters.recipes.revision import at_revision
from flagrelease.cli.complete import bundle_names
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import Settings, settings
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError
from flagrelease.formats.canonical import pretty_json
from flagrelease.planning.diff import Difference, Differing, Side
from flagrelease.planning.diff import diff as difference
from flagrelease.planning.keys import ABSENT, said

_OWN = re.compile(r"r[1-9][0-9]*")


class Named(NamedTuple):
    """A bundle as it is written on the command line; empty where nothing was written."""

    chip: str
    model: str
    variant: str
    revision: str


One = Annotated[str, typer.Argument(metavar="A", help="Bundle, such as cpu/smollm2@v1.", autocompletion=bundle_names)]
Other = Annotated[str, typer.Argument(metavar="B", help="What it is compared with.", autocompletion=bundle_names)]
All = Annotated[bool, typer.Option("--all", help="Compare notes, sources and the like too.")]


def diff(one: One, other: Other, readers_too: All = False, recipes: Recipes = None, json: Json = False) -> None:
    """Compare two bundles."""
    chosen = settings(recipes=recipes)
    with ExitStack() as stack:
        before, after = (_side(stack, chosen, named(text)) for text in (one, other))
        found = difference(before, after, readers_too=readers_too)
        names = tuple(f"{side.recipe.name} {side.recipe.variant.revision}" for side in (before, after))
    if json:
        sys.stdout.write(pretty_json(_data(found, one, other)).decode())
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found, *names)))


def named(text: str) -> Named:
    """`REVISION:chip/model/variant` or `chip/model/variant@REVISION`; the variant and the revision may be left out."""
    revision, _, bundle = text.rpartition(":")
    if not revision:
        bundle, _, revision = bundle.partition("@")
    match bundle.split("/"):
        case [chip, model] if chip and model:
            return Named(chip, model, "", revision)
        case [chip, model, variant] if chip and model and variant:
            return Named(chip, model, variant, revision)
        case _:
            raise typer.BadParameter(
                f"`{text}`: wanted chip/model or chip/model/variant, with @REVISION behind it or REVISION: before it "
                "for a git revision"
            )


def _side(stack: ExitStack, chosen: Settings, asked: Named) -> Side:
    now = cached_catalogue(chosen)
    if _OWN.fullmatch(asked.revision):
        asked = _at_own_revision(chosen, now, asked)
    revision = stack.enter_context(at_revision(chosen.recipes, asked.revision)) if asked.revision else None
    catalogue = revision.catalogue if revision else now
    recipe = catalogue.recipe(asked.chip, asked.model, asked.variant or None)
    trees = Trees(catalogue)
    return Side(
        recipe=recipe,
        tree=lambda path: trees.tree(catalogue.recipes / path),
        lock=_lock(catalogue, recipe),
        shown=revision.shown if revision else str,
    )


def _at_own_revision(chosen: Settings, now: Catalogue, asked: Named) -> Named:
    """The commit at which the bundle was at a revision of its own; none where it is at that one now."""
    recipe = now.recipe(asked.chip, asked.model, asked.variant or None)
    names = (recipe.chip.name, recipe.model.name, recipe.variant_name)
    if recipe.variant.revision == asked.revision:
        return Named(*names, "")
    return Named(*names, last_commit_of(chosen.recipes, *names, asked.revision))


def _lock(catalogue: Catalogue, recipe: Recipe) -> Lock | PartialLock | None:
    try:
        return catalogue.lock(recipe)
    except LockError as error:
        sys.stderr.write(f"inputs are not compared: {error.message}\n")
        return None


def _lines(found: Difference, one: str, other: str) -> Iterator[str]:
    yield f"{one} → {other}"
    for group in found.groups:
        yield f"{group.title} ({len(group.keys)})"
        for key in group.keys:
            yield f"  {key.key}: {said(key.before)} → {said(key.after)}"
            yield from (f"      {side} {place}" for side, place in (("-", key.before_at), ("+", key.after_at)) if place)
    if found.inputs:
        yield f"inputs of the locks ({len(found.inputs)})"
        for move in found.inputs:
            yield f"  {move.key}: {move.before or 'not there'} → {move.after or 'gone'}"
    if found.is_empty:
        yield "equal" if found.inputs is not None else "equal, as far as the recipes go; locks were not compared"
    if found.for_readers:
        yield f"left out as for readers only: {found.for_readers}; --all shows them"


def _data(found: Difference, one: str, other: str) -> dict[str, object]:
    return {
        "schema": "flagrelease.diff/v1",
        "before": one,
        "after": other,
        "equal": found.is_empty,
        "groups": [{"title": group.title, "keys": [_key(key) for key in group.keys]} for group in found.groups],
        "inputs": None
        if found.inputs is None
        else [
            {"key": move.key, "name": move.name, "before": move.before or None, "after": move.after or None}
            for move in found.inputs
        ],
        "left_out_for_readers": found.for_readers,
    }


def _key(key: Differing) -> dict[str, object]:
    """A side that does not have the key has no value here, which is not the same as null."""
    values = {"before": key.before, "after": key.after}
    there = {side: value for side, value in values.items() if value is not ABSENT}
    return {"key": key.key, "before_at": key.before_at, "after_at": key.after_at, **there}
