"""resolve: hold the recipe against its committed lock; from here on nothing is looked up."""

from pathlib import Path

from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.engine_ports import EngineFacts
from flagrelease.errors import ToolError
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.lock import require_fresh
from flagrelease.ports import Tools


def resolve(tools: Tools, here: Path, recipe: Recipe, locked: PartialLock, *, rehearsal: bool) -> PartialLock:
    """The committed lock, if this recipe gives it; with an engine that can build it, where nothing keeps it from that.

    Raises:
        LockError: the lock is older than its recipe, or was edited by hand.
        ToolError: no container engine answers, it is too old, or it cannot run the bundle's architecture.
    """
    require_fresh(recipe, locked)
    if rehearsal or not locked.open:
        facts = tools.container_engine.facts()
        tools.events.said(f"{facts.name} {facts.version}, {facts.builder}")
        _require_architecture(recipe, facts)
    for one in locked.open:
        tools.events.said(f"open: {one.key}: {one.name}")
    (here / "lock.json").write_bytes(pretty_json(locked))
    return locked


def _require_architecture(recipe: Recipe, facts: EngineFacts) -> None:
    if recipe.architecture in {facts.architecture, *facts.emulates}:
        return
    others = [one for one in recipe.chip.architectures if one == facts.architecture]
    instead = f", or rehearse it for this one with `--architecture {others[0]}`" if others else ""
    raise ToolError(
        f"`{recipe.name}` is for {recipe.architecture}, and the engine runs {facts.architecture} only",
        hint=f"set DOCKER_HOST to an engine of that architecture, register qemu-user-static with binfmt_misc{instead}",
    )
