"""The command that runs inside a bundle's container: its server, or its script."""

from collections.abc import Iterator, Mapping
from typing import Any

from flagrelease.domain.bundle import Argument
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError


def inner_command(recipe: Recipe) -> tuple[str, ...]:
    """What is started in the container. A bundle with an entry point of its own starts that.

    Raises:
        RecipeError: the engine's command needs a setting that the bundle does not have.
    """
    variant = recipe.variant
    if variant.entrypoint:
        return variant.entrypoint
    if variant.script:
        return variant.script.command
    return tuple(_filled(recipe)) if variant.serving else ()


def _filled(recipe: Recipe) -> Iterator[str]:
    variant = recipe.variant
    for word in recipe.engine.start:
        name = word[1:-1] if word.startswith("{") and word.endswith("}") else ""
        if name == "options":
            yield from options(variant.serving.arguments if variant.serving else {})
        elif name == "weights":
            yield variant.weights_folder
        elif name:
            yield _setting(recipe, name)
        else:
            yield word


def _setting(recipe: Recipe, name: str) -> str:
    value = recipe.variant.settings.get(name)
    if value is None:
        raise RecipeError(
            f"engine `{recipe.engine.name}` is started with {{{name}}}, and `{recipe.name}` has no such setting",
            hint=f"add `settings: {{{name}: …}}` to the variant",
        )
    return str(value)


def options(arguments: Mapping[str, Argument]) -> Iterator[str]:
    """Long options as engines read them: `true` is the bare option, `false` and null are left out."""
    for name, value in arguments.items():
        if value is True:
            yield f"--{name}"
        elif value is not None and value is not False:
            yield from (f"--{name}", str(value))


def template_values(recipe: Recipe) -> dict[str, Any]:
    """What the templates of an engine's own configuration files may use."""
    variant = recipe.variant
    return {
        "chip": recipe.chip,
        "model": recipe.model,
        "parallel": variant.parallel,
        "serving": {
            "served_name": recipe.served_name,
            "port": variant.serving.port if variant.serving else None,
            "arguments": dict(variant.serving.arguments) if variant.serving else {},
        },
        "settings": dict(variant.settings),
        "weights_path": variant.weights_folder,
    }
