"""What `build`, `run` and `publish` share: the recipe, its lock, the bundle's folder, and a run in it."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.locks import hold
from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.cli.settings import Settings
from flagrelease.cli.wire import HostTools, code_sha256, display
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.release import Release
from flagrelease.formats.canonical import sha256_of
from flagrelease.formats.strict import decode_json
from flagrelease.pipeline import Run
from flagrelease.report.journal import Journal

_LOCK_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class Session:
    """One bundle at work: what it is made from, where, and the run that calls its stages."""

    recipe: Recipe
    lock: Lock | PartialLock
    folder: Path
    tools: HostTools
    run: Run

    def released(self) -> Release | None:
        """Where the bundle was published to, if it was."""
        path = self.folder / self.run.place("publish") / "release.json"
        return decode_json(path.read_bytes(), Release, source=str(path)) if path.is_file() else None


def bundle_folder(settings: Settings, lock: Lock | PartialLock) -> Path:
    """`out/<bundle>-<first digits of the lock's hash>`."""
    return settings.out / f"{lock.bundle}-{sha256_of(lock)[:_LOCK_DIGITS]}"


@contextmanager
def session(
    settings: Settings,
    *,
    chip: str,
    model: str,
    variant: str | None,
    quiet: bool,
    until: str | None = None,
    anew_from: str | None = None,
) -> Iterator[Session]:
    """Hold a bundle's folder: a second run of the same bundle waits here and then finds everything done."""
    catalogue = Catalogue(settings.recipes)
    recipe = catalogue.recipe(chip, model, variant)
    lock = catalogue.lock(recipe)
    folder = bundle_folder(settings, lock)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(folder / "events.jsonl", display(quiet=quiet)))
        stack.enter_context(_interrupts_told())
        stack.enter_context(in_use(settings.home))
        # In the folder itself: it may be reached by another name, or by runs with another store.
        stack.enter_context(hold(folder, "run", on_wait=journal.said))
        register(settings.home, folder)
        tools = HostTools(settings, journal, catalogue)
        stack.callback(tools.close)
        run = Run(folder=folder, tools=tools, journal=journal, code=code_sha256(), until=until, anew_from=anew_from)
        yield Session(recipe=recipe, lock=lock, folder=folder, tools=tools, run=run)


@contextmanager
def _interrupts_told() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: finished stages are kept, the same command goes on from there\n")
        raise
