"""resolve: hold the recipe against its committed lock; from here on nothing is looked up."""

from pathlib import Path

from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking import require_fresh
from flagrelease.ports import Tools


def resolve(tools: Tools, here: Path, recipe: Recipe, locked: Lock) -> Lock:
    """The committed lock, if this recipe gives it and this machine can run what it is for.

    Raises:
        LockError: the lock is older than its recipe, or was edited by hand.
        ToolError: this machine cannot run images of the bundle's architecture.
    """
    require_fresh(recipe, locked)
    tools.engine.check(locked.architecture)
    (here / "lock.json").write_bytes(pretty_json(locked))
    return locked
