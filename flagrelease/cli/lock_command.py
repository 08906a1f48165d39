"""Resolve recipes: look up what they leave open and write each lock beside its recipe. Without options, all bundles.

What is pinned stays pinned unless its question changed or `--upgrade` names it. What cannot be found out from here is
written down as unresolved or restricted, with its reason, and `build` refuses it by name. Kernel libraries that were
built of what the lock pins are named by the hash of their wheels. `--check` looks nothing up:
it compares and exits with 4 when a lock is older than its recipe.
"""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.places import place_of_key
from flagrelease.adapters.storage.kernel_wheels import StoredKernelWheels
from flagrelease.adapters.storage.roots import in_use
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.options import OneChip, OneModel, Recipes, chosen_bundles
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import resolver
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.lock import Lock, LockFile, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.locking.inputs import inputs_of, moves_between
from flagrelease.locking.kernels import with_kernels
from flagrelease.locking.lock import make_lock, require_fresh
from flagrelease.locking.resolver import Refusing, Resolver

_PARTS = ("debian", "wheels", "files", "images", "sources")

Upgrade = Annotated[
    list[str] | None,
    typer.Option(
        "--upgrade",
        help="Look this up again: a component, a wheel, one of debian, wheels, files, images, sources, or all. "
        "May be repeated.",
    ),
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 4 when a lock is stale.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask nobody: what is not pinned yet stays open.")]


def lock(
    chip: OneChip = None,
    model: OneModel = None,
    upgrade: Upgrade = None,
    check: Check = False,
    offline: Offline = False,
    recipes: Recipes = None,
) -> None:
    """Write or check the locks of every variant of these bundles."""
    chosen = settings(recipes=recipes)
    catalogue = cached_catalogue(chosen)
    bundles = chosen_bundles(catalogue, chip, model)
    if check:
        _check(catalogue, bundles)
        return
    words = frozenset(upgrade or ())
    wheels = StoredKernelWheels(FileStore(chosen.home))
    with ExitStack() as stack:
        found: Resolver = Refusing("run it again without --offline")
        if not offline:
            stack.enter_context(in_use(chosen.home))
            found = stack.enter_context(resolver(chosen))
        # All faults of all recipes first: nobody should wait for look-ups to be told the next one.
        recipes_of = {(b.chip, b.model, name): _recipe(catalogue, b, name) for b in bundles for name in b.variants}
        for bundle in bundles:
            _lock(catalogue, bundle, recipes_of, found, words, wheels)


def _recipe(catalogue: Catalogue, bundle: Bundle, variant: str) -> Recipe:
    return catalogue.recipe(bundle.chip, bundle.model, variant, on=datetime.now(UTC).date())


def _lock(
    catalogue: Catalogue,
    bundle: Bundle,
    recipes: Mapping[tuple[str, str, str], Recipe],
    found: Resolver,
    words: frozenset[str],
    wheels: StoredKernelWheels,
) -> None:
    previous = catalogue.lock_file(bundle.chip, bundle.model)
    locks: dict[str, Lock | PartialLock] = {}
    for name in bundle.variants:
        recipe = recipes[bundle.chip, bundle.model, name]
        before = previous.variants.get(name) if previous else None
        upgrade = frozenset(_PARTS) if "all" in words else words
        made = make_lock(recipe, found, previous=before, upgrade=upgrade, say=_say)
        locks[name] = with_kernels(recipe, made, wheels.kept) if isinstance(made, PartialLock) else made
        _refuse_unknown(words, locks[name])
        for move in moves_between(before, locks[name]) if before else ():
            where = place_of_key(catalogue, recipe, move.key)
            _say(f"{where}: {move.key}: {move.before or 'not there'} → {move.after or 'gone'}")
    path = catalogue.lock_path(bundle.chip, bundle.model)
    write_durably(path, pretty_json(LockFile(schema="flagrelease.lockfile/v2", variants=locks)))
    opened = sum(len(one.open) for one in locks.values() if isinstance(one, PartialLock))
    sys.stdout.write(f"{path}\n")
    if opened:
        _say(f"{bundle.chip} × {bundle.model}: {opened} inputs are open; `flagrelease plan` shows them")


def _check(catalogue: Catalogue, bundles: list[Bundle]) -> None:
    stale: list[LockError] = []
    for bundle in bundles:
        for name in bundle.variants:
            try:
                recipe = catalogue.recipe(bundle.chip, bundle.model, name)
                require_fresh(recipe, catalogue.lock(recipe))
                sys.stdout.write(f"fresh: {bundle.chip} × {bundle.model}, variant {name}\n")
            except LockError as error:
                stale.append(error)
    if stale:
        hint = stale[0].hint if len(stale) == 1 else "run `flagrelease lock`"
        raise LockError("\n".join(error.message for error in stale), hint=hint)


def _refuse_unknown(words: frozenset[str], locked: Lock | PartialLock) -> None:
    keys = {one.key for one in inputs_of(locked)}
    known = {*_PARTS, "all", *keys, *(key.partition(".")[2] for key in keys)}
    if unknown := sorted(words - known):
        raise typer.BadParameter(
            f"`--upgrade {unknown[0]}`: `{locked.bundle}` has no such input; wanted {', '.join(_PARTS)}, all, or a key "
            "that `flagrelease plan` shows"
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
