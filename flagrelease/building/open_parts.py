"""What keeps a bundle from being built, said so that a person knows whom to ask and what to do."""

from flagrelease.domain.engine_build import EngineContext
from flagrelease.errors import LockError


def require_parts(context: EngineContext) -> None:
    """Raise LockError that names every missing part with the way to get it; nothing is missing otherwise."""
    if not context.missing:
        return
    lines = "\n".join(
        f"  {one.key}: {one.name}: {f'ask {one.contact}' if one.contact else one.why}" for one in context.missing
    )
    count = len(context.missing)
    raise LockError(
        f"`{context.plan.bundle}` cannot be built yet: {count} part{'s are' if count > 1 else ' is'} missing\n{lines}",
        hint="`flagrelease request` writes to who has them, `flagrelease supply` takes a file in, and "
        "`flagrelease build --rehearse` builds with stand-ins",
    )
