"""patch: apply the bundle's vendor patch sets to their components."""

from pathlib import Path

from flagrelease.domain.evidence import Skipped
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.ports import Tools


def patch(tools: Tools, here: Path, lock: Lock, sources: Sources) -> Skipped:  # noqa: ARG001 - the stages' shape
    """Nothing yet: a lock cannot name a component, so there is none to patch."""
    wheels = ", ".join(f"{w.project} {w.version}" for w in lock.wheels) or "none"
    return Skipped(skipped=f"the bundle builds no component from source (wheels as published: {wheels})")
