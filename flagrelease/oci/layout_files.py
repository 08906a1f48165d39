"""The files of an image layout: opened without following a link, checked by digest and size, copied whole."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path

from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError
from flagrelease.oci.untrusted import JSON_LIMIT

BLOBS = ("blobs", "sha256")
_CHUNK = 16 << 20
_NOT_SHARED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}


def blob_path(folder: Path, digest: Digest) -> Path:
    """Where a layout has a blob."""
    return folder.joinpath(*BLOBS, _hex(digest))


def blob_stat(folder: Path, digest: Digest) -> os.stat_result | None:
    """What stat(2) tells of a blob; None when no plain file is in its place."""
    try:
        found = blob_path(folder, digest).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def check_blob(folder: Path, digest: Digest, size: int) -> None:
    """Read a blob and compare it by digest and size.

    Raises:
        PublishError: it is missing, a link, damaged, or not of this size.
    """
    with _beneath(folder, (*BLOBS, _hex(digest))) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise PublishError(f"{digest} in {folder} has {found} bytes, wanted {size}", hint="publish it again")
        content = hashlib.file_digest(file, "sha256").hexdigest()
    if content != _hex(digest):
        raise PublishError(f"{digest} in {folder} is damaged: its content is sha256:{content}", hint="publish it again")


def read_small(folder: Path, parts: tuple[str, ...]) -> bytes:
    """The start of a small file of the layout: one byte more than a JSON document may have.

    Raises:
        PublishError: it cannot be read, or is no plain file.
    """
    with _beneath(folder, parts) as file:
        return file.read(JSON_LIMIT + 1)


def copy_blob(source: Path, folder: Path, digest: Digest, progress: Callable[[int], None]) -> None:
    """Put a copy of `source` in a blob's place, sharing blocks where the file system can.

    The copy is read back before it gets its name. What had the name is replaced and not written into: it may be a file
    that others share. The caller holds the layout, and sweeps away what a kill leaves.

    Raises:
        PublishError: `source` is not what its digest says, or changed on the way.
    """
    to = blob_path(folder, digest)
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with source.open("rb") as original, beside.open("x+b") as copy:
            _copy(original, copy, progress)
            os.fchmod(copy.fileno(), 0o444)
            os.fsync(copy.fileno())
            copy.seek(0)
            content = hashlib.file_digest(copy, "sha256").hexdigest()
            if content != _hex(digest):
                raise PublishError(
                    f"the copy of {digest} is damaged: its content is sha256:{content}",
                    hint="run `flagrelease fsck --repair`, then publish again",
                )
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy(source: BufferedReader, to: BufferedRandom, progress: Callable[[int], None]) -> None:
    done = 0
    while count := _share(source.fileno(), to.fileno()) or _write(source.fileno(), to.fileno()):
        done += count
        progress(done)


def _share(source: int, to: int) -> int:
    try:
        return os.copy_file_range(source, to, _CHUNK)
    except OSError as error:
        if error.errno in _NOT_SHARED:
            return 0
        raise


def _write(source: int, to: int) -> int:
    view = memoryview(os.read(source, _CHUNK))
    count = len(view)
    while view:
        view = view[os.write(to, view) :]
    return count


@contextmanager
def _beneath(folder: Path, parts: tuple[str, ...]) -> Iterator[BufferedReader]:
    """Open a plain file of the layout. No part of its way is a link, and a pipe is not waited for."""
    where = folder.joinpath(*parts)
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        fd = os.open(folder, flags | os.O_DIRECTORY)
        for number, part in enumerate(parts, start=1):
            kind = os.O_NONBLOCK if number == len(parts) else os.O_DIRECTORY
            try:
                inner = os.open(part, flags | os.O_NOFOLLOW | kind, dir_fd=fd)
            finally:
                os.close(fd)
            fd = inner
    except OSError as fault:
        raise PublishError(f"{where} cannot be read: {fault.strerror}", hint="name an OCI layout") from fault
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise PublishError(f"{where} is not a plain file", hint="name an OCI layout")
        yield file


def _hex(digest: Digest) -> str:
    return digest.removeprefix("sha256:")
