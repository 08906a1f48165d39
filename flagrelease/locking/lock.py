"""Make a lock from a recipe, and hold one against the recipe it should be made from."""

from collections.abc import Callable

from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import LockError, ToolError
from flagrelease.formats.canonical import sha256_of
from flagrelease.locking.partial import make_partial
from flagrelease.locking.resolver import Refusing, Resolver
from flagrelease.locking.whole import make_whole


def make_lock(
    recipe: Recipe,
    resolver: Resolver,
    *,
    previous: Lock | PartialLock | None,
    upgrade: frozenset[str],
    say: Callable[[str], None],
) -> Lock | PartialLock:
    """The lock of a recipe. What `previous` pins for the same question stays, unless it is to be upgraded.

    Raises:
        LockError, SourceError, ToolError: an input of a bundle that is assembled here cannot be found.
    """
    if recipe.is_assembled:
        kept = previous if isinstance(previous, Lock) else None
        return make_whole(recipe, resolver, previous=kept, upgrade=upgrade, say=say)
    known = previous if isinstance(previous, PartialLock) else None
    return make_partial(recipe, resolver, previous=known, upgrade=upgrade, say=say)


def require_fresh(recipe: Recipe, lock: Lock | PartialLock) -> None:
    """Derive the lock from its recipe again, with its own pins: nothing in it but the pins is taken on trust.

    Raises:
        LockError: the lock is older than its recipe, or was edited by hand.
    """
    hint = f"run `flagrelease lock --chip {lock.chip} --model {lock.model}`"
    wanted = sha256_of(recipe.binding())
    if wanted != lock.recipe_sha256:
        raise LockError(
            f"the lock of `{lock.bundle}` is older than its recipe: wanted recipe sha256 {wanted}, "
            f"found {lock.recipe_sha256}",
            hint=hint,
        )
    derived = make_lock(recipe, Refusing(hint), previous=lock, upgrade=frozenset(), say=lambda _: None)
    fields = [name for name in type(lock).model_fields if name != "tool"]
    edited = [name for name in fields if getattr(derived, name, None) != getattr(lock, name)]
    if edited:
        raise LockError(f"the lock of `{lock.bundle}` is not what its recipe gives: {', '.join(edited)}", hint=hint)


def require_whole(lock: Lock | PartialLock) -> Lock:
    """The lock of a bundle that can be built, smoked and evaluated here.

    Raises:
        LockError: inputs are open; the message names each.
        ToolError: nothing is open, but a container engine builds it, and what follows needs its chip.
    """
    if isinstance(lock, Lock):
        return lock
    who = f"--chip {lock.chip} --model {lock.model} --variant {lock.variant}"
    if lock.open:
        lines = "\n".join(f"  {one.key}: {one.name}: {_why(one.status, one.reason, one.contact)}" for one in lock.open)
        raise LockError(
            f"`{lock.bundle}` cannot be built: {len(lock.open)} of its {len(lock.inputs)} inputs are open\n{lines}",
            hint=f"`flagrelease plan {who}` shows all of them, `flagrelease request {who}` writes to who has them",
        )
    raise ToolError(
        f"`{lock.bundle}` is built by a container engine, and what follows its build needs {lock.chip_title}",
        hint=f"`flagrelease build {who} --until build` makes its image; the rest is for the chip's host",
    )


def _why(status: str, reason: str | None, contact: str | None) -> str:
    return f"restricted: ask {contact}" if status == "restricted" else f"unresolved: {reason}"
