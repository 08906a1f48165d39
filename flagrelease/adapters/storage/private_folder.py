"""A folder that only its owner can look into, in memory where there is such a place, and gone afterwards."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def private_folder(prefix: str, parents: Sequence[Path] | None = None) -> Iterator[Path]:
    """A new folder with mode 0700, removed at the end, whatever happens.

    Whatever a killed process left in the same place is removed at the beginning: each holds a lock on its folder while
    it lives.

    Args:
        prefix: What its name begins with, and the names of those that were left behind.
        parents: Where it may be, the first that can be used; by default memory, then the user's run-time folder. The
            folder for temporary files where it can be in none of them.
    """
    places = _places() if parents is None else parents
    parent = next((one for one in places if os.access(one, os.W_OK | os.X_OK)), None)
    folder, lock = _made(parent or Path(tempfile.gettempdir()), prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=False)
        os.close(lock)


def _places() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path("/dev/shm"), *([Path(runtime)] if runtime else [])]  # noqa: S108 - the folder is made 0700


def _made(parent: Path, prefix: str) -> tuple[Path, int]:
    _sweep(parent, prefix)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Before it is locked, another process may take it for one that was left behind.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if folder.stat().st_ino == os.fstat(lock).st_ino:
                    return folder, lock
            os.close(lock)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid():
                continue
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(lock)
