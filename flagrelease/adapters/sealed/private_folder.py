"""A folder that only its owner can look into, in memory where there is such a place, and gone afterwards."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "flagrelease-open-"


@contextmanager
def private_folder(parents: Sequence[Path] | None = None) -> Iterator[Path]:
    """A new folder with mode 0700, removed at the end, whatever happens.

    Whatever a killed process left in the same place is removed at the beginning: each holds a lock on its folder while
    it lives.

    Args:
        parents: Where it may be, the first that can be used; by default memory, then the user's run-time folder, then
            the folder for temporary files.
    """
    parent = next((one for one in parents or _places() if os.access(one, os.W_OK | os.X_OK)), None)
    folder, lock = _made(parent or Path(tempfile.gettempdir()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=False)
        os.close(lock)


def _places() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path("/dev/shm"), *([Path(runtime)] if runtime else [])]  # noqa: S108 - the folder is made 0700


def _made(parent: Path) -> tuple[Path, int]:
    _sweep(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Between the two lines above, another process may have taken it for one that was left behind.
        with suppress(FileNotFoundError):
            if folder.stat().st_ino == os.fstat(lock).st_ino:
                return folder, lock
        os.close(lock)


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid():
                continue
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(lock)
