"""A component of a bundle that an image engine builds, as its source is fetched and patched."""

from flagrelease.domain.component import GitSource
from flagrelease.domain.lock import LockedComponent, LockedInput
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError

_ABOVE = "/opt"
"""Where sources lie for which the recipe names no place."""


def placed_at(recipe: Recipe, name: str) -> str:
    """The folder of a component in the image."""
    written = recipe.variant.components[name].placed_at
    return written if written and written.startswith("/") else f"{_ABOVE}/{name}"


def locked_component(recipe: Recipe, one: LockedInput) -> LockedComponent:
    """The component of a lock's input at its commit, with its patch set.

    Raises:
        LockError: its patch set is for another commit than the lock has.
    """
    name = one.key.removeprefix("components.")
    source, patches, commit = recipe.variant.components[name].source, recipe.patch_set(name), one.pin
    assert isinstance(source, GitSource)
    assert commit is not None
    if patches and patches.base != commit:
        raise LockError(
            f"component `{name}` is at {commit}, its patches are for {patches.base}",
            hint="bump both: `flagrelease patch check --against` says whether the set applies there",
        )
    return LockedComponent(name=name, source=source, commit=commit, patches=patches, placed_at=placed_at(recipe, name))
