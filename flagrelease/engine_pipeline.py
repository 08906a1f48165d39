"""The release of a bundle that an image engine builds, one line a stage.

Recipe ─resolve→ PartialLock ─fetch→ Parts ─patch→ PreparedParts ─render→ EngineContext ─build→ EngineBuilt
                                                                                        └─rehearse→ Rehearsed
"""

from flagrelease.domain.engine_build import EngineBuilt, EngineContext, Rehearsed
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.pipeline import Run
from flagrelease.stages.with_engine.build import build
from flagrelease.stages.with_engine.fetch import fetch
from flagrelease.stages.with_engine.patch import patch
from flagrelease.stages.with_engine.rehearse import build as rehearsed
from flagrelease.stages.with_engine.render import render
from flagrelease.stages.with_engine.resolve import resolve


def prepare(run: Run, recipe: Recipe, locked: PartialLock, *, rehearsal: bool) -> EngineContext:
    """Recipe to the folder that an image engine is given. Parts that are missing do not stop it."""
    lock = run(resolve, recipe, locked, rehearsal=rehearsal)
    parts = run(fetch, recipe, lock, rehearsal=rehearsal)
    prepared = run(patch, recipe, lock, parts)
    return run(render, recipe, lock, prepared, rehearsal=rehearsal)


def build_image(run: Run, recipe: Recipe, locked: PartialLock) -> EngineBuilt:
    """Recipe to image. Raises LockError that names each part that is missing."""
    context = prepare(run, recipe, locked, rehearsal=False)
    return run(build, context)


def rehearse(run: Run, recipe: Recipe, locked: PartialLock) -> Rehearsed:
    """The real Dockerfile, with stand-ins for what is not here; what it gives is nothing to publish."""
    context = prepare(run, recipe, locked, rehearsal=True)
    return run(rehearsed, context)
