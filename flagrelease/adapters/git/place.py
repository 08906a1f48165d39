"""A finished folder put in another's place, in one step where the file system can."""

import ctypes
import os
import shutil
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2


def put_in_place(made: Path, place: Path) -> None:
    """Rename `made` to `place`. What was at `place` is gone afterwards, and was whole until then."""
    if not os.path.lexists(place):
        made.rename(place)
        return
    if _exchanged(made, place):
        shutil.rmtree(made)
        return
    aside = made.with_name(f"{made.name}.old")
    place.rename(aside)
    try:
        made.rename(place)
    except BaseException:
        aside.rename(place)
        raise
    shutil.rmtree(aside)


def _exchanged(one: Path, other: Path) -> bool:
    """Both names change hands at once: renameat2(2) with RENAME_EXCHANGE."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0)
