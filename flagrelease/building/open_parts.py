"""What keeps a bundle from being built, said so that a person knows whom to ask and what to do."""

from collections.abc import Collection

from flagrelease.domain.engine_build import EngineContext
from flagrelease.errors import LockError, SourceError, ToolError


def require_parts(context: EngineContext) -> None:
    """Name every missing part with the way to get it.

    Raises:
        LockError: some are open in the lock.
        SourceError: the lock pins them all, and some cannot be had here.
    """
    if not context.missing:
        return
    lines = "\n".join(
        f"  {one.key}: {one.name}: {f'ask {one.contact}' if one.contact else one.why}" for one in context.missing
    )
    count = len(context.missing)
    kind = LockError if any(one.pin is None for one in context.missing) else SourceError
    raise kind(
        f"`{context.plan.bundle}` cannot be built yet: {count} part{'s are' if count > 1 else ' is'} missing\n{lines}",
        hint="`flagrelease request` writes to who has them, `flagrelease supply` takes a file in, and "
        "`flagrelease build --rehearse` builds with stand-ins",
    )


def require_secrets(context: EngineContext, given: Collection[str]) -> None:
    """Raise ToolError that names every build secret that a step reads and nobody gave."""
    if absent := [name for name in context.plan.secrets if name not in given]:
        raise ToolError(
            f"steps of `{context.plan.bundle}` read the build secrets {', '.join(absent)}, and they are not given",
            hint=" ".join(f"--secret {name}=FILE" for name in absent) + " gives them; no layer or log will have them",
        )
