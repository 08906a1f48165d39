"""What a key of a lock means in its recipe."""

from typing import Literal

from flagrelease.domain.chip import Installer
from flagrelease.domain.component import Component
from flagrelease.domain.lock import LockedInput
from flagrelease.domain.recipe import Recipe


def installer_file(installer: Installer, version: str | None) -> str:
    """The installer's file name for an SDK version; a `*` stands for what its maker puts there."""
    return installer.file.replace("{version}", version) if version else installer.file


def installer_key(recipe: Recipe, installer: Installer) -> str:
    """The key of an SDK's installer."""
    return f"sdks.{recipe.variant.sdk}.installers.{installer.purpose}"


def installers(recipe: Recipe) -> tuple[Installer, ...]:
    """What is installed in the image on the recipe's architecture, in order."""
    chosen = (None, recipe.architecture)
    return tuple(one for one in recipe.sdk.installers if one.where == "image" and one.architecture in chosen)


def installer_of(recipe: Recipe, key: str) -> Installer | None:
    """The installer that a key names."""
    return next((one for one in installers(recipe) if installer_key(recipe, one) == key), None)


def component_of(recipe: Recipe, key: str) -> Component | None:
    """The component that a key names."""
    return recipe.variant.components.get(key.removeprefix("components.")) if key.startswith("components.") else None


Nature = Literal["base", "installer", "repository", "archive", "wheel", "other"]
"""How an input comes: as a base image, a file from its owner, a commit, a wheel of the index, or not into the image."""


def nature_of(recipe: Recipe, one: LockedInput) -> Nature:
    """How an input of the lock comes."""
    component = component_of(recipe, one.key)
    if component:
        natures: dict[str, Nature] = {"git": "repository", "archive": "archive", "index": "wheel"}
        return natures[component.source.kind]
    match one.kind:
        case "base" | "installer" | "wheel":
            return one.kind
        case _:
            return "other"
