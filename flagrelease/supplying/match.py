"""Which input of a lock a supplied file is, and what the lock says once it is taken in."""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

from flagrelease.domain.component import ArchiveSource
from flagrelease.domain.lock import LockedInput, LockedKernel, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import FromSupply, LockedFile
from flagrelease.domain.value import Sha256
from flagrelease.errors import SourceError
from flagrelease.locking.keys import component_of, installer_file, installer_of

_IMAGE_ARCHIVE = ".tar"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One input that a file can be supplied for: the names that it can have, and its hash where that is known."""

    key: str
    title: str
    patterns: tuple[str, ...]
    sha256: Sha256 | None


def wanted(recipe: Recipe, lock: PartialLock) -> tuple[Wanted, ...]:
    """Every input of the bundle that comes as a file from its owner, and every kernel library that the lock names."""
    return (*_inputs(recipe, lock), *map(_of_kernel, lock.kernels))


def _inputs(recipe: Recipe, lock: PartialLock) -> Iterator[Wanted]:
    for one in lock.inputs:
        patterns = _patterns(recipe, one)
        if patterns:
            pin = one.pin.removeprefix("sha256:") if one.pin else None
            yield Wanted(key=one.key, title=one.name, patterns=patterns, sha256=pin)


def _of_kernel(one: LockedKernel) -> Wanted:
    return Wanted(key=f"kernels.{one.component}", title=one.file, patterns=(one.file,), sha256=one.sha256)


def _patterns(recipe: Recipe, one: LockedInput) -> tuple[str, ...]:
    """Empty for what is fetched or cloned."""
    component, installer = component_of(recipe, one.key), installer_of(recipe, one.key)
    if installer:
        return (installer_file(installer, recipe.sdk.version),)
    if component and isinstance(component.source, ArchiveSource):
        return (component.source.file,)
    # A base that its registry gives out is pinned by the digest of its manifest, which no archive has.
    is_handed_out = one.kind == "base" and (one.status != "locked" or one.files)
    return (f"*{_IMAGE_ARCHIVE}",) if is_handed_out else ()


def which(candidates: tuple[Wanted, ...], file: str, *, key: str | None) -> Wanted:
    """The input that a file of this name is, or the one of that key.

    Raises:
        SourceError: no input takes it, or several could.
    """
    if key:
        found = [one for one in candidates if one.key == key]
    else:
        # An image's archive can have any name, so whatever has a name of its own goes first.
        named = [one for one in candidates if any(fnmatch.fnmatchcase(file, name) for name in one.patterns)]
        found = [one for one in named if one.patterns != (f"*{_IMAGE_ARCHIVE}",)] or named
    if len(found) == 1:
        return found[0]
    lines = "\n".join(f"  {one.key}: {' or '.join(one.patterns)}" for one in found or candidates)
    asked = f"the key `{key}`" if key else f"`{file}`"
    if found:
        raise SourceError(f"{asked} could be {len(found)} inputs\n{lines}", hint="say which with `--as KEY`")
    raise SourceError(
        f"{asked} is no input of this bundle that is supplied as a file; it waits for\n{lines or '  nothing'}",
        hint="rename the file as its owner calls it, or say which input it is with `--as KEY`",
    )


def judge(one: Wanted, *, stated: Sha256 | None, found: Sha256, accept: bool, file: str) -> None:
    """Hold the file's hash against what is known of it.

    Raises:
        SourceError: it is another one, or nothing is known and nobody says that it may be taken as it is.
    """
    for what, known in (("the lock of the bundle", one.sha256), ("--sha256", stated)):
        if known and known != found:
            raise SourceError(
                f"{file}: wanted {one.title} with the sha256 {known} of {what}, found {found}",
                hint="it is another file, or was damaged on its way: get it again from whoever hands it out",
            )
    if not (one.sha256 or stated or accept):
        raise SourceError(
            f"{file}: nobody has stated a hash of {one.title} yet; this file's sha256 is {found}",
            hint="compare it with what its owner states and give that as `--sha256`, or pin this one with `--accept`",
        )


def with_file(lock: PartialLock, one: Wanted, *, file: str, size: int, sha256: Sha256) -> PartialLock:
    """The lock that names the file as the input."""
    named = LockedFile(path=file, size=size, sha256=sha256, origin=FromSupply(kind="supply"))

    def pinned(before: LockedInput) -> LockedInput:
        pin = f"sha256:{sha256}" if before.kind == "base" else sha256
        return LockedInput(
            key=before.key, kind=before.kind, name=before.name, status="locked", asked_sha256=before.asked_sha256,
            pin=pin, size=size, files=(named,),
        )  # fmt: skip

    inputs = tuple(pinned(before) if before.key == one.key else before for before in lock.inputs)
    return lock.model_copy(update={"inputs": inputs})
