"""Files of sets and keys: read no further than asked, through no link, and written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

from flagrelease.adapters.storage.disk import sync_folder, write_all, writing
from flagrelease.errors import SourceError

_NOT_FOUND = "check the path"


def read_bounded(path: Path, most: int) -> bytes:
    """At most `most` bytes of a regular file. Raises SourceError where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SourceError(f"there is no {path}", hint=_NOT_FOUND) from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise SourceError(f"{path} is a symbolic link; wanted a file", hint="put the file itself there") from error
    with os.fdopen(fd, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise SourceError(f"{path} is not a regular file", hint="put the file itself there")
        parts = []
        while most > 0 and (part := file.read(min(most, 1 << 24))):
            parts.append(part)
            most -= len(part)
    return b"".join(parts)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """A file that was not there, with this mode from its first moment. Raises SourceError where there is one."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise SourceError(f"{path} is there already, and is never overwritten", hint="choose another name") from None
    try:
        with writing(path, len(data)), os.fdopen(fd, "wb", buffering=0) as file:
            os.fchmod(fd, mode)
            write_all(file.fileno(), data)
            os.fsync(fd)
    except OSError as error:
        path.unlink()
        # Of a descriptor, the error does not say which file it is.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        path.unlink()
        raise
    sync_folder(path.parent)
