"""fetch: have every input at hand that can be had; in a rehearsal, put stand-ins in the place of the others.

A rehearsal fetches nothing: what this machine has already is real, everything else stands in.
"""

from functools import partial
from pathlib import Path

from flagrelease.domain.engine_build import Part, Parts
from flagrelease.domain.lock import LockedInput, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.components import locked_component
from flagrelease.locking.keys import Nature, installer_of, nature_of
from flagrelease.locking.parts import supplied_file, whole
from flagrelease.ports import Tools


def fetch(tools: Tools, here: Path, recipe: Recipe, lock: PartialLock, *, rehearsal: bool) -> Parts:
    """Every input of the lock: at hand, stood in for, or missing with its reason.

    Raises:
        LockError: a component's patches are for another commit than the lock has.
    """
    found = []
    for number, one in enumerate(lock.inputs, start=1):
        found.append(_rehearsed(tools, recipe, one) if rehearsal else _brought(tools, recipe, one))
        tools.events.progress(number, len(lock.inputs), "items")
    parts = Parts(parts=tuple(found))
    (here / "parts.json").write_bytes(pretty_json(parts))
    return parts


def _brought(tools: Tools, recipe: Recipe, one: LockedInput) -> Part:
    if one.status != "locked":
        return _missing(one, one.reason or "the lock leaves it open")
    if supplied := supplied_file(one):
        if tools.store.has(supplied.digest):
            return whole(one)
        return _missing(one, f"{supplied.path} was supplied on another machine, and is not in this store")
    match nature_of(recipe, one):
        case "wheel" if one.wheel is None:
            return _missing(one, "the lock has its hash alone; `flagrelease lock --upgrade wheels` adds its file")
        case "installer" | "archive":
            return _missing(one, "its hash is known, the file is not in this store")
        case _:
            return _fetched(tools, recipe, one)


def _fetched(tools: Tools, recipe: Recipe, one: LockedInput) -> Part:
    """What is published somewhere. That it cannot be had now keeps the others from nothing; `build` ends with it."""
    try:
        if one.wheel:
            tools.supplier.wheel(one.wheel, partial(_counted, tools, "bytes"))
        elif nature_of(recipe, one) == "repository":
            tools.components.bring(locked_component(recipe, one), partial(_counted, tools, "items"))
    except SourceError as error:
        tools.events.said(f"{one.key}: {error.message}")
        return _missing(one, error.message.partition("\n")[0])
    return whole(one)


def _rehearsed(tools: Tools, recipe: Recipe, one: LockedInput) -> Part:
    """What is here is real; what is not is stood in for, with the reason that it has in the lock."""
    why = one.reason or "it is not on this machine, and a rehearsal fetches nothing"
    supplied = supplied_file(one)
    if supplied and tools.store.has(supplied.digest):
        return whole(one)
    if one.wheel and tools.store.has(f"sha256:{one.wheel.sha256}"):
        return _brought(tools, recipe, one)
    match nature_of(recipe, one):
        case "repository":
            part = _repository(tools, recipe, one, why)
        case "other":
            part = _stand_in(one, f"no part of a rehearsal: {why}")
        case nature:
            part = _stand_in(one, why, _made(tools, recipe, one, nature))
    return part


def _made(tools: Tools, recipe: Recipe, one: LockedInput, nature: Nature) -> tuple[str, Digest, int]:
    """The stand-in: its file name, its content, its bytes."""
    if nature == "base":
        return "base.tar", tools.stand_ins.base(one.name, recipe.architecture), 0
    if installer := installer_of(recipe, one.key):
        return tools.stand_ins.installer(installer, recipe.sdk.version)
    if nature == "archive":
        return tools.stand_ins.archive(one.name)
    project, _, version = one.name.partition("==")
    return tools.stand_ins.wheel(project, version)


def _repository(tools: Tools, recipe: Recipe, one: LockedInput, why: str) -> Part:
    """Whether the commit is on this machine is known by asking for it: the tools of a rehearsal are offline."""
    if one.status != "locked":
        return _stand_in(one, why)
    try:
        tools.components.bring(locked_component(recipe, one), partial(_counted, tools, "items"))
    except SourceError as error:
        return _stand_in(one, error.message.partition("\n")[0].rstrip(":"))
    return whole(one)


def _missing(one: LockedInput, why: str) -> Part:
    return Part(key=one.key, kind=one.kind, name=one.name, state="missing", pin=one.pin, why=why, contact=one.contact)


def _stand_in(one: LockedInput, why: str, made: tuple[str, Digest, int] | None = None) -> Part:
    file, content, size = made or (None, None, 0)
    return Part(
        key=one.key, kind=one.kind, name=one.name, state="stand_in", pin=one.pin, file=file, content=content, size=size,
        why=why, contact=one.contact,
    )  # fmt: skip


def _counted(tools: Tools, unit: str, done: int, total: int) -> None:
    tools.events.progress(done, total, unit)
