"""An export: an OCI image layout in a plain tar, whose bytes depend on nothing but what is in it."""

import errno
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from flagrelease.adapters.exports.naming import INDEX_NAME, MARK_NAME, blob_name
from flagrelease.adapters.storage.disk import CHUNK, append, sync_folder, write_all, writing
from flagrelease.adapters.storage.place import beside, sweep, turn
from flagrelease.domain.exported import Exported
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError, ToolError
from flagrelease.formats.canonical import canonical_json
from flagrelease.oci.artifact import MARK, Artifact, Blob, Index, artifact_bytes, index_bytes
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.ports import Progress, Store

_NOT_LINKED: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written: bytes of the archive, and the manifest beside the image."""

    size: int
    stages: Digest
    blobs: int


class _Differs(Exception):  # noqa: N818 - no error: the question was whether it does
    """What is there is not what would be written."""


class _Checked:
    """A hash of what passes by, counted."""

    def __init__(self, counted: "_Counted") -> None:
        self._hash = hashlib.sha256()
        self._counted = counted

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)
        self._counted.more(len(data))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class _Counted:
    """How far the archive is."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def more(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)


class _Writer:
    """The archive, as `write_layer` writes to it. Every file has to have the content that its name says."""

    def __init__(self, fd: int, path: Path, wanted: Mapping[Path, Digest], counted: _Counted) -> None:
        self._fd, self._path, self._wanted, self._counted = fd, path, wanted, counted
        self._size = 0

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes taken."""
        self._size += write_all(self._fd, data)
        return len(data)

    def copy_from(self, source: Path) -> int:
        """Append a whole file, sharing its blocks where the file system can; returns its size in bytes."""
        total = _Checked(self._counted)
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            count = append(fd, self._fd, total)
        finally:
            os.close(fd)
        self._size += count
        _require(source, self._wanted[source], total.hexdigest())
        return count

    def tell(self) -> int:
        """Bytes so far."""
        return self._size


class _Same:
    """Takes the archive as `_Writer` does, and compares it with a file that is there. Raises _Differs."""

    def __init__(self, file: BinaryIO, counted: _Counted) -> None:
        self._file, self._counted = file, counted

    def write(self, data: bytes) -> int:
        """Compare; returns the number of bytes."""
        if self._file.read(len(data)) != data:
            raise _Differs
        return len(data)

    def copy_from(self, source: Path) -> int:
        """Compare with a whole file; returns its size in bytes."""
        begin = self.tell()
        with source.open("rb") as stream:
            while data := stream.read(CHUNK):
                self._counted.more(self.write(data))
        return self.tell() - begin

    def tell(self) -> int:
        """Bytes so far."""
        return self._file.tell()


def write_export(
    to: Path, store: Store, image: Image, exported: Exported, *, files: Mapping[str, Path], progress: Progress
) -> Written:
    """Write the archive, whole or not at all; `files` are those of the stages. The same archive again is no fault.

    Raises:
        ToolError: another file has that name, or there is no room.
        SourceError: a blob or a file is damaged, or changed meanwhile.
    """
    contents = _contents(store, image, exported, files)
    artifact, documents = _documents(image, exported, contents)
    index = Index(
        image=_sized(image.digest, contents), tag=exported.revision, architecture=image.architecture,
        beside=next(iter(documents)),
    )  # fmt: skip
    entries = [
        Entry(path=MARK_NAME, kind="file", content=MARK),
        Entry(path=INDEX_NAME, kind="file", content=index_bytes(index)),
        *(Entry(path=blob_name(digest), kind="file", content=data) for digest, data in documents.items()),
        *(Entry(path=blob_name(digest), kind="file", content=path) for digest, path in contents.items()),
    ]
    total = sum(path.stat().st_size for path in contents.values())
    with turn(to.parent):
        sweep(to)
    if os.path.lexists(to):
        size = _require_same(to, entries, _Counted(total, progress))
    else:
        wanted = {path: digest for digest, path in contents.items()}
        size = _write(to, entries, wanted, total, progress)
    return Written(size=size, stages=index.beside, blobs=len(artifact.blobs))


def _contents(store: Store, image: Image, exported: Exported, files: Mapping[str, Path]) -> dict[Digest, Path]:
    """Every blob that is a file, by digest. Files of stages that the store has, too, are its own."""
    found = {file.digest: files[file.path] for file in exported.files}
    found |= {digest: store.path(digest) for digest in (*image.blobs(), *exported.kept)}
    return dict(sorted(found.items()))


def _documents(
    image: Image, exported: Exported, contents: Mapping[Digest, Path]
) -> tuple[Artifact, dict[Digest, bytes]]:
    """The manifest beside the image first, then its configuration."""
    config = canonical_json(exported)
    beside_image = sorted({*(file.digest for file in exported.files), *exported.kept})
    artifact = Artifact(
        subject=_sized(image.digest, contents),
        config=Blob(digest=_digest(config), size=len(config)),
        blobs=tuple(_sized(digest, contents) for digest in beside_image),
    )
    manifest = artifact_bytes(artifact)
    return artifact, {_digest(manifest): manifest, artifact.config.digest: config}


def _write(to: Path, entries: list[Entry], wanted: Mapping[Path, Digest], total: int, progress: Progress) -> int:
    with writing(to, total), beside(to) as (folder, _):
        made = folder / to.name
        fd = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            size = write_layer(_Writer(fd, made, wanted, _Counted(total, progress)), entries)
            os.fsync(fd)
        finally:
            os.close(fd)
        _name(made, to)
        sync_folder(to.parent)
    return size


def _name(made: Path, to: Path) -> None:
    """Unlike a rename, a link does not take the place of a file that came meanwhile; some disks have no links."""
    try:
        os.link(made, to)
    except FileExistsError as error:
        raise _another(to) from error
    except OSError as error:
        if error.errno not in _NOT_LINKED:
            raise
        if os.path.lexists(to):
            raise _another(to) from error
        made.rename(to)


def _require_same(to: Path, entries: list[Entry], counted: _Counted) -> int:
    if not to.is_file():
        raise _another(to)
    with to.open("rb") as file:
        try:
            size = write_layer(_Same(file, counted), entries)
        except _Differs:
            raise _another(to) from None
        if file.read(1):
            raise _another(to)
    return size


def _another(to: Path) -> ToolError:
    return ToolError(f"{to} is there already, and is another file", hint="name another one with --to")


def _require(source: Path, wanted: Digest, found: str) -> None:
    if f"sha256:{found}" != wanted:
        raise SourceError(
            f"{source} was changed: wanted {wanted}, found sha256:{found}",
            hint="run `flagrelease fsck --repair`, then `flagrelease build --until build` and this again",
        )


def _sized(digest: Digest, contents: Mapping[Digest, Path]) -> Blob:
    return Blob(digest=digest, size=contents[digest].stat().st_size)


def _digest(data: bytes) -> Digest:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
