"""A download on its way: the bytes so far, hashed, with what tells whether the server still has the same file."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.storage.disk import CHUNK, write_all, writing


@dataclass(frozen=True)
class Validators:
    """Where the bytes so far came from, and the entity tag they had there."""

    url: str
    etag: str


class Partial:
    """An unfinished file, open for appending; `size` is in bytes and `hexdigest` is of all of them.

    Two files: `<key>` holds the bytes, `<key>.json` the validators.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.size = 0
        self.mixed = False
        """Whether the bytes came in more than one piece, so that they may be of two versions of the file."""
        self._hash = hashlib.sha256()
        self._notes = path.with_name(f"{path.name}.json")

    def load(self) -> None:
        """Hash what an earlier run left; it is read once."""
        while data := os.read(self.fd, CHUNK):
            self._hash.update(data)
            self.size += len(data)
        self.mixed = self.size > 0

    def append(self, data: bytes, *, expected: int) -> None:
        """Append; `expected` is how many bytes are still to come. Raises ToolError when the disk is full."""
        with writing(self.path, expected):
            write_all(self.fd, data)
        self._hash.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Forget all bytes."""
        self._notes.unlink(missing_ok=True)
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.size = 0
        self.mixed = False

    @property
    def hexdigest(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._hash.hexdigest()

    def validators(self) -> Validators | None:
        """What the earlier run noted; none when it noted nothing, or not to the end."""
        try:
            notes = json.loads(self._notes.read_bytes())
            return Validators(url=str(notes["url"]), etag=str(notes["etag"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def note(self, validators: Validators) -> None:
        """Keep the validators for a later run."""
        temporary = self._notes.with_name(f"{self._notes.name}.new")
        with writing(self._notes, 1000):
            temporary.write_text(json.dumps({"url": validators.url, "etag": validators.etag}), encoding="utf-8")
            temporary.replace(self._notes)

    def drop(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self.drop_notes()

    def drop_notes(self) -> None:
        """Remove the validators."""
        self._notes.unlink(missing_ok=True)
        self._notes.with_name(f"{self._notes.name}.new").unlink(missing_ok=True)


def folder_of(home: Path) -> Path:
    """Where the unfinished and the borrowed files of a store are."""
    return home / "partial"


@contextmanager
def open_partial(folder: Path, key: str) -> Iterator[Partial]:
    """Open or begin the unfinished file `key`. The caller holds a lock on the key."""
    path = folder / key
    with writing(path, 0):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        partial = Partial(path, fd)
        partial.load()
        yield partial
    finally:
        os.close(fd)
