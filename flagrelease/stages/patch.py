"""patch: the bundle's components at their commits, with their vendors' patch sets applied."""

from pathlib import Path

from flagrelease.domain.evidence import Skipped
from flagrelease.domain.lock import Lock, LockedComponent
from flagrelease.domain.source import PatchedComponent, PatchedSources, Sources
from flagrelease.formats.canonical import pretty_json
from flagrelease.ports import Tools


def patch(tools: Tools, here: Path, lock: Lock, sources: Sources) -> PatchedSources | Skipped:  # noqa: ARG001
    """Every component that the lock names, in the store; `here/sources.json` says what was made of each.

    Raises:
        LockError: a patch set is not the one that the lock pins.
        SourceError: a set does not make the tree that it records.
    """
    if not lock.components:
        wheels = ", ".join(f"{w.project} {w.version}" for w in lock.wheels) or "none"
        return Skipped(skipped=f"the bundle builds no component from source (wheels as published: {wheels})")
    patched = PatchedSources(components=tuple(_patched(tools, component) for component in lock.components))
    (here / "sources.json").write_bytes(pretty_json(patched))
    return patched


def _patched(tools: Tools, component: LockedComponent) -> PatchedComponent:
    # What `fetch` brought lies outside the store of blobs, where it may have been removed since.
    tools.components.bring(component, lambda done, total: tools.events.progress(done, total, "items"))
    made = tools.components.patched(component, lambda done, total: tools.events.progress(done, total, "items"))
    changed = f"{made.patches} patches of {component.patches.chip} on" if component.patches else "no patches on"
    tools.events.said(f"{component.name}: {changed} {component.commit[:12]}, tree {made.tree}")
    return made
