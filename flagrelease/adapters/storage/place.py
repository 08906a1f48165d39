"""A finished folder put in another's place in one step, and what killed runs left beside it removed."""

import ctypes
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from flagrelease.adapters.storage.disk import sync_folder
from flagrelease.errors import SourceError, ToolError

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
SIGN: Final = ".flagrelease-"
"""Stands in the names of folders beside what they are to take the place of."""

_ASIDE: Final = ".old"
_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.05
_LONGEST: Final = 100


def put_in_place(made: Path, place: Path) -> None:
    """Rename `made` to `place`. What was at `place` is gone afterwards, and was whole until then."""
    if os.path.lexists(place):
        if _exchanged(made, place):
            old = made
        else:
            old = made.with_name(f"{made.name}{_ASIDE}")
            place.rename(old)
            try:
                made.rename(place)
            except BaseException:
                old.rename(place)
                raise
        # The new one is in its place: what cannot be removed of the old one now, the next run removes.
        shutil.rmtree(old, ignore_errors=True)
    else:
        made.rename(place)
    sync_folder(place.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Both names change hands at once: renameat2(2) with RENAME_EXCHANGE."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0)


@contextmanager
def turn(parent: Path) -> Iterator[None]:
    """Be the only one who changes what lies in a folder. It is made, and removed again where it stays empty.

    Processes and threads wait for each other.

    Raises:
        SourceError: Somebody else is at work there for more than a minute.
        ToolError: The disk has no locks.
    """
    with _parents(parent):
        held = _locked(parent)
        try:
            yield
        finally:
            os.close(held)


@contextmanager
def _parents(folder: Path) -> Iterator[None]:
    """Folders that are missing are made, and removed again where they stay empty."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()


def _locked(parent: Path) -> int:
    until = time.monotonic() + _PATIENCE_S
    while True:
        parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            held = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            # Whoever was before us may have removed it, for it was empty.
            if _is_ours(held, parent) and os.path.samestat(os.fstat(held), parent.stat()):
                return held
            os.close(held)
        if time.monotonic() > until:
            raise SourceError(
                f"another process is at work in {parent}: waited {_PATIENCE_S:g} s for it",
                hint="let it finish, or end it, and run this again",
            )
        time.sleep(_PAUSE_S)


def _is_ours(held: int, parent: Path) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        os.close(held)
        hint = "it may be on a network disk: use a folder on a disk of this machine"
        raise ToolError(f"{parent} cannot be locked: {error.strerror}", hint=hint) from error
    return True


@contextmanager
def beside(place: Path) -> Iterator[tuple[Path, int]]:
    """A new folder next to `place` for what is to be put there; gone afterwards unless it was renamed.

    Yields it with the descriptor of its lock. Whoever writes below it and may outlive us has to inherit that: what
    nobody holds, `sweep` removes.
    """
    with _parents(place.parent):
        made, held = _made(place)
        try:
            yield made, held
        finally:
            os.close(held)
            if made.exists():
                shutil.rmtree(made, ignore_errors=True)


def _made(place: Path) -> tuple[Path, int]:
    while True:
        made = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
        # Before it is locked, another process may take it for one that was left behind.
        with suppress(FileNotFoundError):
            held = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            fcntl.flock(held, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                # mkdtemp's folder is for its maker alone; this is for whom the umask lets in, as one below it shows.
                (made / "below").mkdir()
                made.chmod((made / "below").stat().st_mode)
                (made / "below").rmdir()
                return made, held
            os.close(held)


def sweep(place: Path) -> None:
    """Remove what killed runs left beside `place`; put back what one had moved aside and put nothing in its place.

    It has to be our turn in the folder.
    """
    for left in left_behind(place):
        with suppress(OSError):
            held = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if left.name.endswith(_ASIDE) and not os.path.lexists(place):
                    left.rename(place)
                elif left.is_dir():
                    shutil.rmtree(left)
                else:
                    left.unlink()
            finally:
                os.close(held)


@contextmanager
def changing(place: Path) -> Iterator[None]:
    """Be the only one who changes what stands at `place`; what killed runs left beside it is gone. As `turn`."""
    with turn(place.parent):
        sweep(place)
        yield


def left_behind(place: Path) -> list[Path]:
    """What lies beside `place` to be put there, or was there before."""
    return sorted(entry for entry in place.parent.iterdir() if entry.name.startswith(_prefix(place)))


def _prefix(place: Path) -> str:
    return f".{place.name[:_LONGEST]}{SIGN}"
