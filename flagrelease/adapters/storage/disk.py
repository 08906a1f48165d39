"""Bytes onto a disk: durable, sharing blocks where the file system can, and a full disk as an error to act on."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from flagrelease.errors import ToolError

CHUNK = 1 << 20
_SHARED_AT_ONCE = 64 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_LINKED = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
_NOT_SHARED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}


class Hasher(Protocol):
    """What hashlib's objects offer and this code needs."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """The hash so far, in lower-case hexadecimal digits."""


@contextmanager
def writing(path: Path, needed: int) -> Iterator[None]:
    """Turn a full or closed disk into a ToolError.

    Args:
        path: What is being written.
        needed: Bytes that were to be written.

    Raises:
        ToolError: There is no room, or `path` may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            folder = next((p for p in (path, *path.parents) if p.is_dir()), Path("/"))
            free = shutil.disk_usage(folder).free
            raise ToolError(
                f"no room for {path}: {needed} bytes were to be written, {free} are free",
                hint=f"make room on the disk of {folder}, run `flagrelease gc`, or set FLAGRELEASE_HOME elsewhere",
            ) from error
        if error.errno in _REFUSED:
            raise ToolError(
                f"cannot write {path}: {error.strerror}",
                hint=f"make {path.parent} writable, or set FLAGRELEASE_HOME to another folder",
            ) from error
        raise


def write_all(fd: int, data: bytes | memoryview) -> int:
    """Write every byte: the kernel may take fewer at a time. Returns how many."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return len(data)


def append(source: int, target: int, hasher: Hasher) -> int:
    """Append all of `source` to `target` (open for reading and writing), sharing blocks where the file system can.

    What is hashed is read back from `target`, so the hash is of what was kept even when `source` changes meanwhile.

    Returns:
        The number of bytes appended.
    """
    total = 0
    while count := _share(source, target):
        start = os.lseek(target, 0, os.SEEK_CUR) - count
        _hash_range(target, start, count, hasher)
        total += count
    while data := os.read(source, CHUNK):
        hasher.update(data)
        total += write_all(target, data)
    return total


def _share(source: int, target: int) -> int:
    try:
        return os.copy_file_range(source, target, _SHARED_AT_ONCE)
    except OSError as error:
        if error.errno in _NOT_SHARED:
            return 0
        raise


def _hash_range(fd: int, start: int, count: int, hasher: Hasher) -> None:
    while count:
        data = os.pread(fd, min(CHUNK, count), start)
        if not data:
            raise OSError(errno.EIO, "the file ended while it was read back")
        hasher.update(data)
        start += len(data)
        count -= len(data)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Of a descriptor, the error does not say which folder it is.
        raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        os.close(fd)


def linked(source: Path, to: Path) -> bool:
    """Try a hard link to `source` at `to`, replacing what is there; whether the file system took it."""
    temporary = to.parent / f".{to.name[:100]}.{os.getpid()}-{secrets.token_hex(8)}"
    try:
        if not os.path.lexists(to):
            os.link(source, to)
            return True
        os.link(source, temporary)
        temporary.replace(to)
    except OSError as error:
        if error.errno in _NOT_LINKED:
            return False
        raise
    finally:
        # A rename between two links of one file does nothing and leaves both.
        temporary.unlink(missing_ok=True)
    return True


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it, read-only folders included. Nothing there is fine."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for here, folders, _ in os.walk(path):
        for name in folders:
            below = Path(here, name)
            if not below.is_symlink():
                below.chmod(below.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(path)
