"""What `build --rehearse` is about: a bundle of the catalogue, or the stack that every chip is rehearsed with."""

from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.complete import names_in
from flagrelease.domain.chip import MACHINES, Architecture
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError
from flagrelease.locking.partial import make_partial
from flagrelease.locking.resolver import Refusing

AModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Model, as in recipes/models; without one, `--rehearse` takes the stack that every chip has.",
        autocompletion=names_in("models"),
    ),
]
SdkName = Annotated[str | None, typer.Option("--sdk", help="SDK of a chip that is rehearsed alone.")]
ArchitectureName = Annotated[
    str | None, typer.Option("--architecture", help="amd64 or arm64, for a rehearsal (default: the recipe's).")
]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse",
        help="Build the real Dockerfile with stand-ins for the vendor's parts that are not here. Never published.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Rehearsing:
    """How: on which SDK of the chip, where no bundle says it, and for which architecture."""

    sdk: str | None = None
    architecture: Architecture | None = None


def rehearsing(
    chip: str, model: str | None, *, rehearse: bool, sdk: str | None, architecture: str | None
) -> Rehearsing | None:
    """How it is rehearsed, if it is. Raises BadParameter for what only a rehearsal has."""
    if not rehearse:
        if model is None:
            raise typer.BadParameter(f"wanted `--model`, or `--rehearse` for the chip `{chip}` alone")
        if sdk or architecture:
            raise typer.BadParameter("`--sdk` and `--architecture` are for `--rehearse`: a bundle's recipe names both")
        return None
    if model and sdk:
        raise typer.BadParameter("`--sdk` is for a chip alone: the bundle's recipe names its SDK")
    found = next((one for one in MACHINES.values() if one == architecture), None)
    if architecture and found is None:
        raise typer.BadParameter(f"`--architecture {architecture}`: wanted {' or '.join(MACHINES.values())}")
    return Rehearsing(sdk=sdk, architecture=found)


def to_rehearse(
    catalogue: Catalogue,
    how: Rehearsing,
    *,
    chip: str,
    model: str | None,
    variant: str | None,
    on: date | None,
) -> tuple[Recipe, PartialLock]:
    """The recipe and a lock of it. What is not in the bundle's own lock is open, so that something stands in for it.

    Raises:
        RecipeError: there is no such bundle, SDK or architecture, or nothing of it needs a rehearsal.
    """
    if model is None:
        recipe: Recipe = import_module("flagrelease.adapters.recipes.rehearsals").rehearsed(catalogue, chip, how.sdk)
    else:
        recipe = catalogue.recipe(chip, model, variant, on=on)
    if model and not how.architecture:
        return recipe, _partial(catalogue.lock(recipe))
    if how.architecture and how.architecture not in recipe.chip.architectures:
        there = ", ".join(recipe.chip.architectures)
        raise RecipeError(
            f"chip `{recipe.chip.name}` is not for {how.architecture}", hint=f"wanted `--architecture` {there}"
        )
    recipe = recipe.model_copy(update={"architecture": how.architecture or recipe.architecture})
    lock = make_partial(
        recipe, Refusing("a rehearsal looks nothing up"), previous=None, upgrade=frozenset(), say=lambda _: None
    )
    return recipe, lock


def _partial(lock: Lock | PartialLock) -> PartialLock:
    if isinstance(lock, PartialLock):
        return lock
    raise RecipeError(
        f"`{lock.bundle}` needs no rehearsal: nothing of it is handed out by a vendor",
        hint="run the same command without --rehearse: it builds the bundle itself",
    )
