"""Resolve a recipe: look up what it leaves open and write the lock beside it.

What is pinned stays pinned unless its question changed or `--upgrade` names its part. `--check` looks nothing up: it
compares and exits with 4 when the lock is older than its recipe.
"""

import sys
from typing import Annotated

import typer

from flagrelease.adapters.catalogue import Catalogue
from flagrelease.adapters.storage.roots import in_use
from flagrelease.cli.options import Chip, Model, Recipes
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import resolver
from flagrelease.domain.lock import LockFile
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.locking import Part, make_lock, require_fresh

_PARTS: tuple[Part, ...] = ("debian", "wheels", "files")

Upgrade = Annotated[
    list[str] | None,
    typer.Option("--upgrade", help="Look this part up again: debian, wheels, files, or all. May be repeated."),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 4 when the lock is stale.")]


def lock(
    chip: Chip,
    model: Model,
    upgrade: Upgrade = None,
    check: Check = False,
    recipes: Recipes = None,
) -> None:
    """Write or check the lock of every variant of a bundle."""
    chosen = settings(recipes=recipes)
    catalogue = Catalogue(chosen.recipes)
    bundle = catalogue.bundle(catalogue.chip(chip).name, catalogue.model(model).name)
    if check:
        for variant in bundle.variants:
            _check(catalogue, bundle.chip, bundle.model, variant)
        return
    parts = _parts(upgrade or [])
    previous = catalogue.lock_file(bundle.chip, bundle.model)
    locks = {}
    with in_use(chosen.home), resolver(chosen) as found:
        for name in bundle.variants:
            recipe = catalogue.recipe(bundle.chip, bundle.model, name)
            before = previous.variants.get(name) if previous else None
            locks[name] = make_lock(recipe, found, previous=before, upgrade=parts, say=_say)
    path = catalogue.lock_path(bundle.chip, bundle.model)
    write_durably(path, pretty_json(LockFile(schema="flagrelease.lockfile/v1", variants=locks)))
    sys.stdout.write(f"{path}\n")


def _check(catalogue: Catalogue, chip: str, model: str, variant: str) -> None:
    recipe = catalogue.recipe(chip, model, variant)
    require_fresh(recipe, catalogue.lock(recipe))
    sys.stdout.write(f"fresh: {chip} × {model}, variant {variant}\n")


def _parts(words: list[str]) -> frozenset[Part]:
    unknown = [w for w in words if w not in (*_PARTS, "all")]
    if unknown:
        raise typer.BadParameter(f"`--upgrade {unknown[0]}`: wanted one of {', '.join(_PARTS)}, all")
    return frozenset(part for part in _PARTS if part in words or "all" in words)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
