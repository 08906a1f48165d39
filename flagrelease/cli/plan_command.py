"""Say what `build` would do, without doing it.

Each stage with what it does and its exact commands; what is cached, missing or open; bytes to fetch; the time that
earlier runs took.
"""

import shlex
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.bundle_folder import bundle_folder
from flagrelease.cli.options import Chip, Json, Model, Out, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import Settings, settings
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError, ToolError
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.lock import require_fresh
from flagrelease.planning.plan import Plan
from flagrelease.planning.plan import plan as made
from flagrelease.report.earlier import earlier_seconds
from flagrelease.report.quiet import NoEvents
from flagrelease.report.words import duration, size

_NAMED = 3


def plan(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    recipes: Recipes = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Plan one bundle."""
    chosen = settings(recipes=recipes, out=out, offline=True)
    catalogue = cached_catalogue(chosen)
    recipe = catalogue.recipe(chip, model, variant, on=datetime.now(UTC).date())
    lock, stale = _usable(catalogue, recipe)
    planned = made(
        recipe,
        lock,
        stale=stale,
        has=FileStore(chosen.home).has,
        done=_done(chosen, catalogue, recipe, lock) if lock and not stale else (),
        earlier=earlier_seconds(chosen.out, recipe.name),
        no_engine=_no_engine(chosen, catalogue, lock) if isinstance(lock, PartialLock) and not lock.open else "",
    )
    if json:
        sys.stdout.write(pretty_json(asdict(planned)).decode())
    else:
        _print(planned)


def _usable(catalogue: Catalogue, recipe: Recipe) -> tuple[Lock | PartialLock | None, str]:
    """The lock, and why it cannot be used as it is."""
    try:
        lock = catalogue.lock(recipe)
    except LockError as error:
        return None, error.message.partition("\n")[0]
    try:
        require_fresh(recipe, lock)
    except LockError as error:
        return lock, error.message.partition("\n")[0]
    return lock, ""


def _done(chosen: Settings, catalogue: Catalogue, recipe: Recipe, lock: Lock | PartialLock) -> tuple[str, ...]:
    folder = bundle_folder(chosen, lock)
    if not folder.is_dir():
        return ()
    # The pipeline with all its stages takes longer to load than the rest: only where there is a run to look at.
    pipeline, wire = import_module("flagrelease.pipeline"), import_module("flagrelease.cli.wire")
    tools = wire.HostTools(chosen, NoEvents(), catalogue)
    session = import_module("flagrelease.cli.session")
    code = session.stage_code(session.chosen_engine("auto", folder))
    look = pipeline.Look(folder=folder, tools=tools, code=code)
    with suppress(pipeline.NotDone):
        if isinstance(lock, PartialLock):
            import_module("flagrelease.engine_pipeline").build_image(look, recipe, lock)
        else:
            pipeline.release(look, recipe, lock)
    return tuple(look.done)


def _no_engine(chosen: Settings, catalogue: Catalogue, lock: PartialLock) -> str:
    """Why the engine that answers cannot build it; said here, not in the middle of a build."""
    tools = import_module("flagrelease.cli.wire").HostTools(chosen, NoEvents(), catalogue)
    try:
        facts = tools.container_engine.facts()
    except ToolError as error:
        return str(error.message.partition("\n")[0])
    there = (facts.architecture, *facts.emulates)
    return "" if lock.architecture in there else f"it is for {lock.architecture}, the engine runs {', '.join(there)}"


def _print(planned: Plan) -> None:
    lines = [planned.bundle, *([f"blocked: {planned.blocked}"] if planned.blocked else [])]
    for number, stage in enumerate(planned.stages, start=1):
        took = f"  (took {duration(stage.seconds)} before)" if stage.seconds is not None else ""
        lines.append(f"{number} {stage.stage}: {stage.state}{took}")
        lines += [f"    {line}" for line in stage.does]
        lines += [f"    $ {shlex.join(command)}" for command in stage.commands]
    lines += [f"open     {one.key}: {one.name}: {one.status}: {one.reason}" for one in planned.open]
    kinds = [one.kind for one in planned.missing]
    for kind in dict.fromkeys(kinds):
        here = [one for one in planned.missing if one.kind == kind]
        names = ", ".join(one.name for one in here[:_NAMED]) + (", …" if len(here) > _NAMED else "")
        lines.append(f"missing  {len(here)} {kind}, {size(sum(one.size for one in here))}: {names}")
    lines.append(f"cached   {planned.cached} files; to fetch: {len(planned.missing)}, {size(planned.bytes_to_fetch)}")
    if not planned.blocked:
        known = duration(planned.seconds) if planned.seconds is not None else "unknown: not every stage ran here before"
        lines.append(f"time     {known}")
    sys.stdout.write("\n".join(lines) + "\n")
