"""A blob under construction."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from flagrelease.adapters.storage.disk import append, write_all, writing
from flagrelease.domain.value import Digest


class BlobFile:
    """A blob under construction: a locked temporary file that is hashed as it is written."""

    def __init__(self, fd: int, path: Path, keep: Callable[["BlobFile"], Digest]) -> None:
        self.fd = fd
        self.path = path
        self._keep = keep
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes taken. Raises ToolError when the disk is full."""
        with writing(self.path, len(data)):
            write_all(self.fd, data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def copy_from(self, source: Path) -> int:
        """Append a whole file, sharing its blocks where the file system can; returns its size in bytes."""
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with writing(self.path, os.fstat(fd).st_size):
                count = append(fd, self.fd, self._hash)
        finally:
            os.close(fd)
        self._size += count
        return count

    def tell(self) -> int:
        """Bytes so far."""
        return self._size

    @property
    def digest(self) -> Digest:
        """The digest of the bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def commit(self) -> Digest:
        """Make it durable under its digest. Without this call nothing is kept."""
        return self._keep(self)
