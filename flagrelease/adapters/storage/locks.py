"""Locks between processes, and temporary files that tell whether their writer still lives.

Both rest on flock(2): the kernel lets go of a lock with its process, however that ends. Process ids lie across
containers and are only for people to read.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flagrelease.adapters.storage.disk import writing


def unique() -> str:
    """A name no other process uses."""
    return f"{os.getpid()}-{secrets.token_hex(8)}"


class Waits:
    """What is said of waiting: whoever is waited for again and again, by one build for another, is named once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._named: set[str] = set()

    def told(self, holder: str, works_on: str) -> None:
        """Say it, unless this holder was named before."""
        if holder not in self._named:
            self._named.add(holder)
            self._say(f"waiting for {holder}, which works on {works_on}")


@contextmanager
def hold(folder: Path, key: str, *, on_wait: Callable[[str], None] | Waits, shown: str = "") -> Iterator[None]:
    """Hold `key` against every other process and thread that uses `folder`. Not re-entrant.

    Args:
        folder: Where the lock files are; it exists.
        key: Any text.
        on_wait: Called once with one line when somebody else holds the key.
        shown: What people call what the key stands for.
    """
    path = folder / _lock_name(key)
    waits = on_wait if isinstance(on_wait, Waits) else Waits(on_wait)
    fd = _acquire(path, shown or key, waits)
    try:
        yield
    finally:
        # Before the lock goes with the descriptor: whoever waited finds that the name is another file's.
        path.unlink(missing_ok=True)
        os.close(fd)


def _acquire(path: Path, shown: str, waits: Waits) -> int:
    said = False
    while True:
        with writing(path, 0):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not _try_lock(fd):
                if not said:
                    holder = os.pread(fd, 100, 0).decode("utf-8", "replace").strip() or "another process"
                    waits.told(holder, shown)
                    said = True
                fcntl.flock(fd, fcntl.LOCK_EX)
            if is_at(fd, path):
                with writing(path, 0):
                    _sign(fd)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _sign(fd: int) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)


def _lock_name(key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", key)[:80].strip(".")
    return f"{readable}.{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock"


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(fd: int, path: Path) -> bool:
    """Whether `path` still names the file that `fd` is open on."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


@contextmanager
def temporary_file(folder: Path, prefix: str) -> Iterator[tuple[int, Path]]:
    """A new locked file in `folder`, open for reading and writing; gone afterwards unless it was renamed."""
    while True:
        path = folder / f"{prefix}.{unique()}"
        with writing(path, 0):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        # A sweep may have taken the name between the two calls.
        if _try_lock(fd) and is_at(fd, path):
            break
        os.close(fd)
    try:
        yield fd, path
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def sweep(folder: Path) -> None:
    """Remove the temporary files that dead processes left: those that nobody holds locked."""
    for path in folder.iterdir():
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, IsADirectoryError, PermissionError):
            continue
        try:
            if _try_lock(fd) and is_at(fd, path):
                path.unlink(missing_ok=True)
        finally:
            os.close(fd)
