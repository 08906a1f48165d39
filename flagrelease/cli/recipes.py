"""The recipe folder of a command that only looks at recipes: what was read before comes from the cache."""

import typer

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.settings import Settings
from flagrelease.domain.recipe import Recipe


def cached_catalogue(chosen: Settings) -> Catalogue:
    """The recipes, with the parse cache of the home folder."""
    return Catalogue(chosen.recipes, ParseCache(chosen.home))


def recipe_named(catalogue: Catalogue, text: str) -> Recipe:
    """The recipe of `chip/model` or `chip/model/variant`. Raises RecipeError where there is none."""
    match text.split("/"):
        case [chip, model] if chip and model:
            return catalogue.recipe(chip, model)
        case [chip, model, variant] if chip and model and variant:
            return catalogue.recipe(chip, model, variant)
        case _:
            raise typer.BadParameter(f"`{text}`: wanted chip/model or chip/model/variant")
