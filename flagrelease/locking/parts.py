"""The parts of a build as a lock has them, when everything that it pins is at hand."""

from flagrelease.domain.engine_build import Part, Parts
from flagrelease.domain.lock import LockedInput, PartialLock
from flagrelease.domain.source import LockedFile


def supplied_file(one: LockedInput) -> LockedFile | None:
    """The file that was supplied for an input; weights have files of their own, which are not."""
    return one.files[0] if one.files and one.kind != "weights" else None


def whole(one: LockedInput) -> Part:
    """The part of an input that is at hand: its file and content where it is one, else what it is pinned by."""
    file, content, size = None, None, 0
    if one.wheel:
        file, content, size = one.wheel.filename, f"sha256:{one.wheel.sha256}", one.wheel.size
    elif supplied := supplied_file(one):
        file, content, size = supplied.path, supplied.digest, supplied.size
    return Part(
        key=one.key, kind=one.kind, name=one.name, state="here", pin=one.pin, file=file, content=content, size=size
    )


def whole_parts(lock: PartialLock) -> Parts:
    """All parts, as a build finds them that lacks none."""
    return Parts(parts=tuple(map(whole, lock.inputs)))
