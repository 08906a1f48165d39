"""The recipe of a stack that is the same for every chip, for one SDK of a chip."""

import hashlib
from typing import Final

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.found import unknown_name
from flagrelease.domain.recipe import DOCKERFILE, MACROS, Recipe, Template
from flagrelease.domain.rehearsal import rehearsal_recipe

FLAGOS: Final = "flagos"
"""The stack that every chip is rehearsed with."""


def rehearsed(catalogue: Catalogue, chip: str, sdk: str | None = None, *, name: str = FLAGOS) -> Recipe:
    """The recipe of the stack `name` on a chip by name or alias; without an SDK, on the first that the chip lists.

    Raises:
        RecipeError: there is no such chip, SDK, stack or form of the weights, with the nearest names.
    """
    of_chip, stack = catalogue.chip(chip), catalogue.rehearsal(name)
    model, folder = catalogue.model(stack.model), catalogue.recipes
    chosen = sdk or next(iter(of_chip.sdks))
    if chosen not in of_chip.sdks:
        raise unknown_name("SDK", chosen, of_chip.sdks, folder / "chips" / f"{of_chip.name}.yaml")
    if stack.weights not in model.weights:
        where = folder / "rehearsals" / f"{name}.yaml"
        raise unknown_name("form of the weights", stack.weights, model.weights, where)
    recipe = rehearsal_recipe(stack, of_chip, chosen, engine=catalogue.engine(stack.engine), model=model)
    names = (f"{of_chip.name}{DOCKERFILE}", MACROS)
    templates = tuple(_template(catalogue, one) for one in names if (catalogue.templates / one).is_file())
    return recipe.model_copy(update={"templates": templates})


def _template(catalogue: Catalogue, name: str) -> Template:
    return Template(path=name, sha256=hashlib.sha256((catalogue.templates / name).read_bytes()).hexdigest())
