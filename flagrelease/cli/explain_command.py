"""Say what a key of a bundle's recipe is, where that is written, and what it took the place of.

Keys are those of the variant (`serving.port`, `env.LD_PRELOAD`), and with a prefix those of what it refers to: `chip.`,
`sdk.`, `model.`, `weights.`, `engine.`, `policy.`, `second_model.`, `second_weights.`. A key that holds others shows
all of them; without a key, all there are.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer

from flagrelease.adapters.recipes.places import Trees
from flagrelease.cli.options import Chip, Json, Model, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.errors import FlagReleaseError
from flagrelease.formats.canonical import pretty_json
from flagrelease.planning.explain import Explained, Origin, keys_of
from flagrelease.planning.explain import explain as explained
from flagrelease.planning.keys import said


def _keys(ctx: typer.Context, incomplete: str) -> list[str]:
    chip, model, variant, recipes = (ctx.params.get(name) for name in ("chip", "model", "variant", "recipes"))
    # A completion that fails says nothing; the command will.
    with suppress(FlagReleaseError, OSError):
        if chip and model:
            recipe = cached_catalogue(settings(recipes=recipes)).recipe(chip, model, variant)
            return [key for key in keys_of(recipe) if key.startswith(incomplete)]
    return []


Key = Annotated[str, typer.Argument(help="Key, such as serving.port.", autocompletion=_keys, show_default=False)]


def explain(
    chip: Chip,
    model: Model,
    key: Key = "",
    variant: Variant = None,
    recipes: Recipes = None,
    json: Json = False,
) -> None:
    """Explain one key, or all."""
    catalogue = cached_catalogue(settings(recipes=recipes))
    recipe = catalogue.recipe(chip, model, variant)
    trees = Trees(catalogue)
    found = explained(recipe, lambda path: trees.tree(catalogue.recipes / path), key)
    if json:
        data = {"schema": "flagrelease.explain/v1", "bundle": recipe.name, "keys": [_data(one) for one in found]}
        sys.stdout.write(pretty_json(data).decode())
    else:
        sys.stdout.write("".join(f"{line}\n" for one in found for line in _lines(one)))


def _lines(one: Explained) -> Iterator[str]:
    yield f"{one.key} = {said(one.value)}  {_place(one.origin)}"
    for origin in one.overrode:
        yield f"    instead of {said(origin.value)}: {_place(origin)}"


def _place(origin: Origin) -> str:
    if not origin.place:
        return origin.why
    return f"{origin.place} ({origin.why})" if origin.why else origin.place


def _data(one: Explained) -> dict[str, object]:
    return {
        "key": one.key,
        "value": one.value,
        "origin": _origin(one.origin),
        "overrode": [_origin(origin) for origin in one.overrode],
    }


def _origin(origin: Origin) -> dict[str, object]:
    at = {"file": origin.at.source, "line": origin.at.line, "column": origin.at.column} if origin.at else None
    return {"at": at, "value": origin.value, "why": origin.why}
