"""What `build`, `evaluate`, `run` and `publish` share: the recipe, its lock, the bundle's folder, and a run in it."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.locks import hold
from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.cli.bundle_folder import bundle_folder
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.rehearsing import Rehearsing, to_rehearse
from flagrelease.cli.settings import Engine, Settings
from flagrelease.cli.wire import HostTools, code_sha256, display
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.release import Release
from flagrelease.domain.verdict import Verdict
from flagrelease.errors import FlagReleaseError
from flagrelease.formats.durable import write_durably
from flagrelease.pipeline import Run
from flagrelease.report.journal import Journal
from flagrelease.stages.publish import recorded


@dataclass(frozen=True, kw_only=True)
class Session:
    """One bundle at work: what it is made from, where, and the run that calls its stages."""

    recipe: Recipe
    lock: Lock | PartialLock
    folder: Path
    tools: HostTools
    run: Run
    journal: Journal

    @contextmanager
    def told(self, stage: str) -> Iterator[None]:
        """What is done in the block is told as of this stage, and is no result of it."""
        begin = time.monotonic()
        self.journal.started(stage)
        try:
            yield
        except (FlagReleaseError, KeyboardInterrupt) as error:
            self.journal.failed(stage, time.monotonic() - begin, str(error) or type(error).__name__)
            raise
        self.journal.finished(stage, time.monotonic() - begin)

    def released(self, verdict: Verdict) -> Release | None:
        """Where the image was published to by this very verdict, if it was."""
        return recorded(self.tools.events, self.folder / self.run.place("publish") / "release.json", verdict)


@contextmanager
def session(
    settings: Settings,
    *,
    chip: str,
    model: str | None,
    variant: str | None,
    quiet: bool,
    until: str | None = None,
    anew_from: str | None = None,
    on: date | None = None,
    fresh: bool = False,
    rehearsal: Rehearsing | None = None,
) -> Iterator[Session]:
    """Hold a bundle's folder: a second run of the same bundle waits here and then finds everything done.

    `on` is the day that declared deviations have to be in force on; with `fresh`, harnesses begin anew.
    A `rehearsal` has a folder of its own, so that nothing of it is taken for the bundle's.
    """
    catalogue = cached_catalogue(settings)
    recipe, lock = _chosen(catalogue, rehearsal, chip=chip, model=model, variant=variant, on=on)
    folder = bundle_folder(settings, lock, rehearsal=rehearsal is not None)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(folder / "events.jsonl", display(quiet=quiet)))
        stack.enter_context(_interrupts_told())
        stack.enter_context(in_use(settings.home))
        # In the folder itself: it may be reached by another name, or by runs with another store.
        stack.enter_context(hold(folder, "run", on_wait=journal.said))
        register(settings.home, folder)
        engine = chosen_engine(settings.engine, folder)
        tools = HostTools(settings, journal, catalogue, fresh=fresh, rehearsal=rehearsal is not None, engine=engine)
        stack.callback(tools.close)
        code = stage_code(engine)
        run = Run(folder=folder, tools=tools, journal=journal, code=code, until=until, anew_from=anew_from)
        yield Session(recipe=recipe, lock=lock, folder=folder, tools=tools, run=run, journal=journal)


def stage_code(engine: Engine) -> str:
    """What the keys of stages have of the program: what another engine made is no result of this one."""
    return f"{code_sha256()} docker" if engine == "docker" else code_sha256()


def chosen_engine(asked: Engine, folder: Path) -> Engine:
    """The engine that was asked for; else the one that was asked for last, as the bundle's folder has it."""
    record = folder / "engine"
    if asked != "auto":
        write_durably(record, f"{asked}\n".encode())
        return asked
    return "docker" if record.is_file() and record.read_text() == "docker\n" else "auto"


def _chosen(
    catalogue: Catalogue,
    rehearsal: Rehearsing | None,
    *,
    chip: str,
    model: str | None,
    variant: str | None,
    on: date | None,
) -> tuple[Recipe, Lock | PartialLock]:
    if rehearsal:
        return to_rehearse(catalogue, rehearsal, chip=chip, model=model, variant=variant, on=on)
    assert model is not None
    recipe = catalogue.recipe(chip, model, variant, on=on)
    return recipe, catalogue.lock(recipe)


@contextmanager
def _interrupts_told() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: finished stages are kept, the same command goes on from there\n")
        raise
