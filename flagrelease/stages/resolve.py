"""resolve: hold the recipe against its committed lock; from here on nothing is looked up."""

from pathlib import Path

from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.ports import Tools


def resolve(tools: Tools, here: Path, recipe: Recipe, locked: Lock) -> Lock:
    """The committed lock, if it was made from this recipe and from the files it pins as they are now.

    Raises:
        LockError: the recipe, a template or the baseline record changed after the lock was made.
    """
    if sha256_of(recipe) != locked.recipe_sha256:
        raise LockError(
            f"the lock of `{locked.bundle}` is older than its recipe: wanted recipe sha256 {locked.recipe_sha256}, "
            f"found {sha256_of(recipe)}",
            hint=f"run `flagrelease lock --chip {locked.chip} --model {locked.model}`",
        )
    tools.engine.check()
    (here / "lock.json").write_bytes(pretty_json(locked))
    return locked
