"""What `build` and `publish` share: the recipe, its lock, the bundle's folder, and a run in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.catalogue import Catalogue
from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.cli.settings import Settings
from flagrelease.cli.wire import HostTools, code_sha256, display
from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.canonical import sha256_of
from flagrelease.pipeline import Run
from flagrelease.report.journal import Journal

_LOCK_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class Session:
    """One bundle at work: what it is made from, where, and the run that calls its stages."""

    recipe: Recipe
    lock: Lock
    folder: Path
    tools: HostTools
    run: Run


def bundle_folder(settings: Settings, lock: Lock) -> Path:
    """`out/<bundle>-<first digits of the lock's hash>`."""
    return settings.out / f"{lock.bundle}-{sha256_of(lock)[:_LOCK_DIGITS]}"


@contextmanager
def session(
    settings: Settings, *, chip: str, model: str, variant: str | None, quiet: bool, until: str | None = None
) -> Iterator[Session]:
    """Hold a bundle's folder: a second run of the same bundle waits here and then finds everything done."""
    catalogue = Catalogue(settings.recipes)
    recipe = catalogue.recipe(chip, model, variant)
    lock = catalogue.lock(recipe)
    folder = bundle_folder(settings, lock)
    with Journal(folder / "events.jsonl", display(quiet=quiet)) as journal:
        tools = HostTools(settings, journal, catalogue)
        with in_use(settings.home), tools.store.lock(f"bundle {folder.absolute()}"):
            register(settings.home, folder)
            run = Run(folder=folder, tools=tools, journal=journal, code=code_sha256(), until=until)
            try:
                yield Session(recipe=recipe, lock=lock, folder=folder, tools=tools, run=run)
            finally:
                tools.close()
