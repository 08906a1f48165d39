"""resolve: hold the recipe against its committed lock; from here on nothing is looked up."""

from pathlib import Path

from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.lock import require_fresh, require_whole
from flagrelease.ports import Tools


def resolve(tools: Tools, here: Path, recipe: Recipe, locked: Lock | PartialLock) -> Lock:
    """The committed lock, if this recipe gives it and this machine can run what it is for.

    Raises:
        LockError: the lock is older than its recipe, was edited by hand, or names inputs that are open.
        ToolError: this machine cannot build the bundle, or cannot run images of its architecture.
    """
    require_fresh(recipe, locked)
    lock = require_whole(locked)
    tools.engine.check(lock.architecture)
    (here / "lock.json").write_bytes(pretty_json(lock))
    return lock
