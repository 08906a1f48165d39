"""Content by digest on a local disk, shared by all bundles.

Layout below `home`::

    CACHEDIR.TAG                  backup programs leave the folder out
    blobs/sha256/<2>/<62 hex>     the content, mode 0444
    parsed-recipes                what recipe files were read as
    seen/sha256/<2>/<62 hex>      device, inode, size and mtime when the content was last hashed
    tmp/                          blobs under construction; each is locked (flock) by the process that writes it
    locks/                        one file a held key
    damaged/                      blobs whose content no longer was what their name says
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flagrelease.adapters.storage.blob_file import BlobFile
from flagrelease.adapters.storage.cache_tag import mark
from flagrelease.adapters.storage.disk import linked, remove, sync_folder, writing
from flagrelease.adapters.storage.locks import Waits, hold, sweep, temporary_file, unique
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError

_DIGEST = re.compile(r"sha256:([0-9a-f]{2})([0-9a-f]{62})")
# Any later write gives a file the time of that write, so a change within the clock's tick is seen too.
_MTIME_NS = 315532800 * 10**9


def _quiet(_text: str) -> None:
    """Say nothing."""


class FileStore:
    """`ports.Store` on a folder of this machine; several processes may use it at once.

    Args:
        home: The folder; it is made when the first blob is written.
        on_wait: Called with one line when a lock is held by another process, once for each such process.
        on_damage: Called with one line when a blob was found changed and set aside.
    """

    def __init__(
        self, home: Path, *, on_wait: Callable[[str], None] = _quiet, on_damage: Callable[[str], None] = _quiet
    ) -> None:
        self.home = home
        self._waits = Waits(on_wait)
        self._on_damage = on_damage
        self._ready = False

    # Reading ---------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        """Whether the blob is there and unchanged since it was last hashed (by stat).

        A blob whose stat changed is hashed again; when it is wrong it goes to `damaged/` and the answer is no.
        """
        found = self._stat(digest)
        if found is None:
            return False
        if self._record(digest) == _identity(found):
            return True
        if self.verify(digest):
            return True
        self.quarantine(digest)
        return False

    def path(self, digest: Digest) -> Path:
        """The blob's file.

        Raises:
            SourceError: It is not there, or it changed since it was hashed and was moved to `damaged/`.
        """
        there = self._stat(digest) is not None
        if self.has(digest):
            return self._blob(digest)
        if there:
            raise SourceError(
                f"{digest} in {self.home} was changed; the changed file is now in {self.home / 'damaged'}",
                hint="run the command again to fetch or build it anew",
            )
        raise SourceError(f"{digest} is not in {self.home}", hint="run the command again without --offline to fetch it")

    def verify(self, digest: Digest) -> bool:
        """Hash the whole blob; whether it is there, a plain file, and what its name says. Remembers a good result."""
        found = self._stat(digest)
        if found is None or not stat.S_ISREG(found.st_mode):
            return False
        fd = os.open(self._blob(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as blob:
            before = _identity(os.fstat(fd))
            same = hashlib.file_digest(blob, "sha256").hexdigest() == digest.removeprefix("sha256:")
            same = same and _identity(os.fstat(fd)) == before
        if same:
            self._remember(digest, before)
        return same

    def blobs(self) -> Iterator[Digest]:
        """Every blob's digest, sorted; whatever is in a blob's place counts."""
        for folder in sorted(self.home.glob("blobs/sha256/[0-9a-f][0-9a-f]/")):
            for blob in sorted(folder.iterdir()):
                digest = f"sha256:{folder.name}{blob.name}"
                if _DIGEST.fullmatch(digest):
                    yield digest

    def size(self, digest: Digest) -> int:
        """Bytes of the blob's file, unchecked; 0 when it is not there."""
        found = self._stat(digest)
        return 0 if found is None else found.st_size

    # Writing ---------------------------------------------------------------------------------------

    def add_bytes(self, content: bytes) -> Digest:
        """Keep these bytes. Raises ToolError when the disk is full."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self.has(digest):
            return digest
        with self.writer() as blob:
            blob.write(content)
            return blob.commit()

    def add_file(self, source: Path, *, expect: Digest | None = None, move: bool = False) -> Digest:
        """Keep this file's content: one read, and a rename when `move`.

        Raises:
            SourceError: The content is not `expect`; `source` is left where it is.
            ToolError: The disk is full.
        """
        self._prepare()
        if move and not source.is_symlink() and source.stat().st_dev == self.home.stat().st_dev:
            return self._move(source, expect)
        with self.writer() as blob:
            blob.copy_from(source)
            _check(source, expect, blob.digest)
            digest = blob.commit()
        if move:
            source.unlink()
        return digest

    def adopt(self, path: Path, fd: int, digest: Digest) -> Digest:
        """Move a file of this store's disk in without reading it: the caller hashed what it wrote through `fd`."""
        self._prepare()
        if self.has(digest):
            path.unlink()
        else:
            with writing(path, 0):
                self._keep(fd, path, digest)
        return digest

    @contextmanager
    def writer(self) -> Iterator[BlobFile]:
        """A new blob, written from start to end, hashed on the way, kept under its digest by `commit`."""
        self._prepare()
        with temporary_file(self.home / "tmp", "blob") as (fd, path):
            yield BlobFile(fd, path, self._commit)

    def link(self, digest: Digest, to: Path) -> None:
        """Put the blob at `to`, replacing what is there: a hard link, else a copy that shares blocks or is hashed.

        Raises:
            SourceError: The blob is not there.
            ToolError: The disk of `to` is full.
        """
        blob = self.path(digest)
        with writing(to, blob.stat().st_size):
            to.parent.mkdir(parents=True, exist_ok=True)
            if linked(blob, to):
                return
            with temporary_file(to.parent, f".{to.name[:100]}") as (fd, path):
                copy = BlobFile(fd, path, lambda _: digest)
                copy.copy_from(blob)
                _check(blob, digest, copy.digest)
                os.fchmod(fd, 0o444)
                os.fsync(fd)
                path.replace(to)

    def remove(self, digest: Digest) -> None:
        """Forget a blob. Links to it elsewhere stay."""
        remove(self._blob(digest))
        self._seen(digest).unlink(missing_ok=True)

    def quarantine(self, digest: Digest) -> None:
        """Move a blob to `damaged/`, so that it is fetched or built anew."""
        damaged = self.home / "damaged" / f"{digest.removeprefix('sha256:')}.{unique()}"
        damaged.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self._blob(digest).rename(damaged)
            self._on_damage(f"{digest} was changed on the disk; the changed file is now {damaged}")
        self._seen(digest).unlink(missing_ok=True)

    # Locks -----------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, key: str, *, shown: str = "") -> Iterator[None]:
        """Hold `key`, which people know as `shown`, against every other process and thread. Not re-entrant."""
        self._prepare()
        with hold(self.home / "locks", key, on_wait=self._waits, shown=shown):
            yield

    # Inside ----------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if self._ready:
            return
        with writing(self.home, 0):
            for name in ("blobs/sha256", "seen/sha256", "tmp", "locks"):
                (self.home / name).mkdir(parents=True, exist_ok=True)
            mark(self.home)
        sweep(self.home / "tmp")
        self._ready = True

    def _blob(self, digest: Digest) -> Path:
        return self._place("blobs", digest)

    def _seen(self, digest: Digest) -> Path:
        return self._place("seen", digest)

    def _place(self, kind: str, digest: Digest) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise ValueError(f"not a digest: {digest!r}")
        return self.home / kind / "sha256" / match[1] / match[2]

    def _stat(self, digest: Digest) -> os.stat_result | None:
        try:
            found = self._blob(digest).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found

    def _record(self, digest: Digest) -> list[int] | None:
        try:
            record = json.loads(self._seen(digest).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return record if isinstance(record, list) else None

    def _remember(self, digest: Digest, identity: list[int]) -> None:
        # Not synced: a record that a power cut takes away only means one more hashing.
        seen = self._seen(digest)
        with writing(seen, 100):
            seen.parent.mkdir(parents=True, exist_ok=True)
            temporary = seen.with_name(f"{seen.name}.{unique()}")
            try:
                temporary.write_text(json.dumps(identity), encoding="ascii")
                temporary.replace(seen)
            finally:
                temporary.unlink(missing_ok=True)

    def _commit(self, blob: BlobFile) -> Digest:
        return self.adopt(blob.path, blob.fd, blob.digest)

    def _move(self, source: Path, expect: Digest | None) -> Digest:
        with source.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            _check(source, expect, digest)
            return self.adopt(source, file.fileno(), digest)

    def _keep(self, fd: int, path: Path, digest: Digest) -> None:
        """Write, sync the file, rename, sync the folder: in that order a name never stands for missing bytes."""
        os.fchmod(fd, 0o444)
        os.utime(fd, ns=(_MTIME_NS, _MTIME_NS))
        os.fsync(fd)
        blob = self._blob(digest)
        new_folder = not blob.parent.exists()
        blob.parent.mkdir(parents=True, exist_ok=True)
        path.rename(blob)
        sync_folder(blob.parent)
        if new_folder:
            sync_folder(blob.parent.parent)
        self._remember(digest, _identity(os.fstat(fd)))


def _identity(found: os.stat_result) -> list[int]:
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, stat.S_IFMT(found.st_mode)]


def _check(source: Path, expect: Digest | None, found: Digest) -> None:
    if expect is not None and found != expect:
        raise SourceError(f"{source}: wanted {expect}, found {found}", hint="get the file again, or lock it anew")
