"""What a bundle variant really runs with: its recipe's keys, with what it leaves open filled in from where that is."""

from collections.abc import Iterator
from typing import Any

from flagrelease.domain.recipe import Recipe
from flagrelease.formats.positions import Path
from flagrelease.planning.parts import Part, parts_of_recipe


def effective(recipe: Recipe, *, readers_too: bool) -> Iterator[tuple[Part, dict[str, Any]]]:
    """Each part with its data; the variant's comes first, with the environment it runs with, its name and lengths."""
    for part in parts_of_recipe(recipe):
        data = part.data(readers_too=readers_too)
        yield part, data if part.head else _filled_in(recipe, data)


def _filled_in(recipe: Recipe, variant: dict[str, Any]) -> dict[str, Any]:
    filled = {**variant, "architecture": recipe.architecture, "env": recipe.env}
    if filled["serving"] is not None:
        open_in_recipe = {"served_name": recipe.served_name, "context_length": recipe.context_length}
        filled["serving"] = {**filled["serving"], **open_in_recipe}
    return filled


def layers(recipe: Recipe, part: Part, rest: Path) -> Iterator[tuple[str, Path, str]]:
    """Where a key may be written, the strongest first: file, place in it, and what is said of it there.

    The counterpart of `Recipe.env`, `served_name`, `context_length` and `architecture`.
    """
    yield part.path, (*part.at, *rest), ""
    if part.head:
        return
    chip, model = f"chips/{recipe.chip.name}.yaml", f"models/{recipe.model.name}.yaml"
    match rest:
        case ("env", name):
            for profile in reversed(recipe.variant.profiles):
                yield chip, ("profiles", profile, "on", name), f"profile {profile}"
            yield chip, ("sdks", recipe.variant.sdk, "env", name), f"SDK {recipe.variant.sdk}"
        case ("serving", "served_name"):
            yield model, ("name",), "the model's name"
        case ("serving", "context_length"):
            yield model, ("defaults", "context_length"), "the model's default"
            yield model, ("max_context",), "the model's longest context"
        case ("architecture",):
            yield chip, ("architectures", 0), "the chip's first architecture"
        case _:
            pass
