"""patch: the components' trees at their commits, with their vendors' patch sets applied."""

from functools import partial
from pathlib import Path

from flagrelease.domain.component import GitSource
from flagrelease.domain.engine_build import Part, Parts, PreparedParts
from flagrelease.domain.lock import LockedInput, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import PatchedComponent
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.components import locked_component
from flagrelease.locking.keys import component_of
from flagrelease.ports import Tools


def patch(tools: Tools, here: Path, recipe: Recipe, lock: PartialLock, parts: Parts) -> PreparedParts:
    """The parts with the tree of every repository whose commit and patches are at hand, in the store.

    Raises:
        LockError: a patch set is not the one that the lock pins.
        SourceError: a set does not make the tree that it records.
    """
    made = []
    for one in lock.inputs:
        component = component_of(recipe, one.key)
        if component is None or not isinstance(component.source, GitSource):
            continue
        found = _made(tools, recipe, one, parts)
        if found:
            made.append(found)
    prepared = PreparedParts(parts=parts, trees=tuple(made))
    (here / "sources.json").write_bytes(pretty_json(prepared))
    return prepared


def _made(tools: Tools, recipe: Recipe, one: LockedInput, parts: Parts) -> PatchedComponent | None:
    name = one.key.removeprefix("components.")
    concerned: list[Part] = [part for part in parts.parts if part.key in {one.key, f"{one.key}.patches"}]
    if missing := [part for part in concerned if part.state == "missing"]:
        tools.events.said(f"{name}: waits for {', '.join(part.name for part in missing)}")
        return None
    if any(part.state == "stand_in" for part in concerned):
        tools.events.said(f"{name}: a stand-in of its repository")
        return tools.stand_ins.source(name, recipe.variant.components[name])
    locked = locked_component(recipe, one)
    # What `fetch` brought lies outside the store of blobs, where it may have been removed since.
    tools.components.bring(locked, partial(_counted, tools, "items"))
    found = tools.components.patched(locked, partial(_counted, tools, "items"))
    tools.events.said(f"{name}: {found.patches} patches on {locked.commit[:12]}, tree {found.tree}")
    return found


def _counted(tools: Tools, unit: str, done: int, total: int) -> None:
    tools.events.progress(done, total, unit)
