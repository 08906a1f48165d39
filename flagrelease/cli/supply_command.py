"""Take in files that only their owners hand out: installers, archives, base images.

Each is held against the hash in the bundle's lock, kept in the store, and named in the lock from then on, so that
every other machine wants the same file. Where nobody has stated a hash yet, `--sha256` gives the owner's, or
`--accept` pins what was found.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.kernel_wheels import StoredKernelWheels
from flagrelease.adapters.storage.roots import in_use
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.complete import bundle_names
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.recipes import recipe_named
from flagrelease.cli.settings import settings
from flagrelease.domain.engine_build import KernelWheel
from flagrelease.domain.lock import LockFile, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError, SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.locking.lock import require_fresh
from flagrelease.report.words import size as size_words
from flagrelease.supplying.match import Wanted, judge, wanted, which, with_file

Files = Annotated[list[Path], typer.Argument(help="Files to take in.", exists=True, dir_okay=False, readable=True)]
For = Annotated[str, typer.Option("--for", help="Bundle, as chip/model[/variant].", autocompletion=bundle_names)]
As = Annotated[str | None, typer.Option("--as", help="Key of the input that the one file is, as `plan` shows it.")]
Sha256 = Annotated[str | None, typer.Option("--sha256", help="What the owner of the one file states.", metavar="HEX")]
Accept = Annotated[bool, typer.Option("--accept", help="Pin files for which nobody has stated a hash as they are.")]


def supply(
    files: Files,
    for_: For,
    as_: As = None,
    sha256: Sha256 = None,
    accept: Accept = False,
    recipes: Recipes = None,
    json: Json = False,
) -> None:
    """Check files, keep them, and name them in the bundle's lock. Nothing is taken in unless all are right."""
    if len(files) > 1 and (as_ or sha256):
        raise typer.BadParameter("`--as` and `--sha256` are about one file: give them one at a time")
    chosen = settings(recipes=recipes, offline=True)
    catalogue = Catalogue(chosen.recipes)
    recipe = recipe_named(catalogue, for_)
    lock = _lock_of(catalogue, recipe)
    candidates = wanted(recipe, lock)
    stated = sha256.strip().lower().removeprefix("sha256:") if sha256 else None
    taken: list[tuple[Path, Wanted, str, int]] = []
    for file in files:
        one = which(candidates, file.name, key=as_)
        found = _sha256(file)
        judge(one, stated=stated, found=found, accept=accept, file=str(file))
        taken.append((file, one, found, file.stat().st_size))
    store = FileStore(chosen.home)
    with in_use(chosen.home):
        for file, one, found, size in taken:
            store.add_file(file, expect=f"sha256:{found}")
            if one.key.startswith("kernels."):
                _keep_kernel(store, lock, one, found, size)
            else:
                lock = with_file(lock, one, file=file.name, size=size, sha256=found)
    _write(catalogue, recipe, lock)
    _tell(recipe, lock, taken, json=json)


def _lock_of(catalogue: Catalogue, recipe: Recipe) -> PartialLock:
    lock = catalogue.lock(recipe)
    require_fresh(recipe, lock)
    if isinstance(lock, PartialLock):
        return lock
    raise LockError(
        f"`{recipe.name}` is made of nothing that is supplied: each of its inputs is fetched by hash",
        hint="run `flagrelease build` for it",
    )


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {os.strerror(error.errno or 0)}") from error


def _keep_kernel(store: FileStore, lock: PartialLock, one: Wanted, sha256: str, size: int) -> None:
    known = next(kernel for kernel in lock.kernels if f"kernels.{kernel.component}" == one.key)
    StoredKernelWheels(store).keep(
        KernelWheel(component=known.component, key=known.key, file=known.file, content=f"sha256:{sha256}", size=size)
    )


def _write(catalogue: Catalogue, recipe: Recipe, lock: PartialLock) -> None:
    chip, model = recipe.chip.name, recipe.model.name
    before = catalogue.lock_file(chip, model)
    variants = {**(before.variants if before else {}), recipe.variant_name: lock}
    text = pretty_json(LockFile(schema="flagrelease.lockfile/v2", variants=variants))
    write_durably(catalogue.lock_path(chip, model), text)


def _tell(recipe: Recipe, lock: PartialLock, taken: list[tuple[Path, Wanted, str, int]], *, json: bool) -> None:
    report = {
        "bundle": recipe.name,
        "taken": [
            {"file": str(file), "key": one.key, "sha256": found, "size": size} for file, one, found, size in taken
        ],
        "open": [{"key": one.key, "name": one.name, "status": one.status} for one in lock.open],
    }
    if json:
        sys.stdout.write(pretty_json(report).decode())
        return
    for file, one, found, size in taken:
        sys.stdout.write(f"{one.key}: {file.name}, {size_words(size)}, sha256 {found}\n")
    for left in lock.open:
        sys.stdout.write(f"still open  {left.key}: {left.name}\n")
