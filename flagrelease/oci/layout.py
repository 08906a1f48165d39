"""An OCI image layout: images as a folder that stock tools read (OCI image specification, image-layout.md).

Blobs first, each read back by its digest, then `index.json` in one rename: a tag never stands for bytes that are not
there. Writers on one machine take turns (flock on the folder), and a layout keeps the images it already holds.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError
from flagrelease.formats.durable import write_durably
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from flagrelease.oci.reference import check_tag
from flagrelease.oci.untrusted import JSON_LIMIT, descriptors, json_object
from flagrelease.ports import Progress, Store

_MARK = "oci-layout"
_VERSION = "1.0.0"
_CHUNK = 1 << 20
_DEEPEST = 4
_REF_NAME = "org.opencontainers.image.ref.name"
_INDEXES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = (MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json")


def _silent(_done: int, _total: int) -> None:
    """Nobody follows."""


def write_layout(store: Store, image: Image, folder: Path, *, tag: str, progress: Progress = _silent) -> int:
    """Put the image into the layout at `folder` under `tag`; makes the layout when there is none.

    Returns:
        The bytes of the blobs that were put there, damaged ones anew; 0 when the layout had them all.

    Raises:
        PublishError: `tag` names another image there, `folder` is something else or damaged, or it cannot be written.
    """
    check_tag(tag)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder):
            return _write(store, image, folder, tag, progress)
    except OSError as fault:
        raise PublishError(
            f"{folder} cannot be written: {fault.strerror}", hint="make room there, or name another folder"
        ) from fault


def read_layout(folder: Path) -> tuple[Descriptor, ...]:
    """The images of a layout, with every blob they name read and compared by digest and size.

    Raises:
        PublishError: not a layout, or something in it is missing, damaged, a link, or not what it claims to be.
    """
    check_layout(folder)
    found = _read_index(folder).found
    seen: set[tuple[str, int]] = set()
    for entry in found:
        _check_tree(folder, entry, seen, depth=0)
    return found


def tag_of(entry: Descriptor) -> str | None:
    """The tag under which a layout's index names an image."""
    return entry.annotations.get(_REF_NAME)


def check_layout(folder: Path) -> None:
    """See that `folder` is a layout; reads no blob.

    Raises:
        PublishError: it is not, or is of another version.
    """
    mark = json_object(_small(folder, (_MARK,)), str(folder / _MARK))
    if mark.get("imageLayoutVersion") != _VERSION:
        raise PublishError(f"{folder / _MARK} is not of version {_VERSION}", hint="name another folder")


def check_place(folder: Path) -> None:
    """See that a layout is or can be made at `folder`; writes nothing.

    Raises:
        PublishError: it is no folder, cannot be written, or holds something else.
    """
    if os.path.lexists(folder):
        if not folder.is_dir():
            raise PublishError(f"{folder} is not a folder", hint="name a folder, such as `oci:dist`")
        if _foreign(folder):
            raise PublishError(f"{folder} holds something that is not an OCI layout", hint="name an empty folder")
        if (folder / _MARK).exists():
            check_layout(folder)
            _read_index(folder)
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise PublishError(f"{there} cannot be written", hint="make it writable, or name another folder")


@dataclass(frozen=True, kw_only=True)
class _Index:
    document: dict[str, object]
    found: tuple[Descriptor, ...]


def _write(store: Store, image: Image, folder: Path, tag: str, progress: Progress) -> int:
    check_place(folder)
    if not (folder / _MARK).exists():
        write_durably(folder / _MARK, json.dumps({"imageLayoutVersion": _VERSION}).encode())
    for orphan in (*folder.glob(f".{_MARK}.*"), *folder.glob(".index.json.*"), *folder.glob("blobs/sha256/.*")):
        # What a killed writer left: the folder is ours alone while its lock is held.
        orphan.unlink()
    index = _read_index(folder)
    tagged = {entry.digest for entry in index.found if tag_of(entry) == tag}
    if tagged - {image.digest}:
        raise PublishError(
            f"{folder}:{tag} is {min(tagged - {image.digest})}, wanted {image.digest}: a revision is never overwritten",
            hint="publish under a new revision",
        )
    sizes = _sizes(store, image)
    sent = _put_blobs(store, sizes, folder, progress)
    if not tagged:
        write_durably(folder / "index.json", _with_entry(index, image, tag))
    return sent


def _put_blobs(store: Store, sizes: dict[Digest, int], folder: Path, progress: Progress) -> int:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    if blobs.is_symlink() or blobs.parent.is_symlink():
        raise PublishError(f"{blobs} leads out of the layout", hint="name another folder")
    sent = done = 0
    for digest, size in sizes.items():
        if not (_is_the_stores(store, folder, digest, size) or _is_good(folder, digest, size)):
            store.link(digest, blobs / _hex(digest))
            _check_blob(folder, digest, size)
            sent += size
        done += size
        progress(done, sum(sizes.values()))
    for path in (blobs, blobs.parent, folder):
        _sync(path)
    return sent


def _sizes(store: Store, image: Image) -> dict[Digest, int]:
    config = store.path(image.config).stat().st_size
    layers = {layer.digest: layer.size for layer in image.layers}
    return {**layers, image.config: config, image.digest: image.manifest_size}


def _with_entry(index: _Index, image: Image, tag: str) -> bytes:
    entry = {
        "mediaType": MANIFEST_TYPE,
        "digest": image.digest,
        "size": image.manifest_size,
        "platform": {"architecture": image.architecture, "os": "linux"},
        "annotations": {_REF_NAME: tag},
    }
    before = index.document["manifests"]
    assert isinstance(before, list)
    return json.dumps({**index.document, "manifests": [*before, entry]}, indent=2).encode() + b"\n"


def _read_index(folder: Path) -> _Index:
    path = folder / "index.json"
    if not os.path.lexists(path):
        return _Index(document={"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}, found=())
    document = json_object(_small(folder, ("index.json",)), str(path))
    if document.get("schemaVersion") != 2:  # noqa: PLR2004 - the one version of the format there is
        raise PublishError(f"{path} is not an image index", hint="name another folder")
    return _Index(document=document, found=descriptors(document.get("manifests"), str(path)))


def _check_tree(folder: Path, entry: Descriptor, seen: set[tuple[str, int]], *, depth: int) -> None:
    """Check a blob and everything it names; each blob is read once."""
    if depth > _DEEPEST:
        raise PublishError(f"{folder}: {entry.digest} is an index below {_DEEPEST} others")
    if (entry.digest, entry.size) in seen:
        return
    seen.add((entry.digest, entry.size))
    _check_blob(folder, entry.digest, entry.size)
    if entry.media_type not in (*_INDEXES, *_MANIFESTS):
        return
    what = f"{entry.digest} in {folder}"
    document = json_object(_small(folder, ("blobs", "sha256", _hex(entry.digest))), what)
    if entry.media_type in _INDEXES:
        below = descriptors(document.get("manifests"), what)
    else:
        below = (*descriptors([document.get("config")], what), *descriptors(document.get("layers"), what))
    for each in below:
        _check_tree(folder, each, seen, depth=depth + 1)


def _is_the_stores(store: Store, folder: Path, digest: Digest, size: int) -> bool:
    """Whether the blob is the very file of the store, which vouches for it: it need not be read again."""
    there = _there(folder, digest)
    if there is None or there.st_size != size or not store.has(digest):
        return False
    return os.path.samestat(store.path(digest).lstat(), there)


def _is_good(folder: Path, digest: Digest, size: int) -> bool:
    """Whether the blob is there and right; a damaged one is put there anew."""
    there = _there(folder, digest)
    if there is None or there.st_size != size:
        return False
    try:
        _check_blob(folder, digest, size)
    except PublishError:
        return False
    return True


def _there(folder: Path, digest: Digest) -> os.stat_result | None:
    try:
        found = (folder / "blobs" / "sha256" / _hex(digest)).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _check_blob(folder: Path, digest: Digest, size: int) -> None:
    with _beneath(folder, ("blobs", "sha256", _hex(digest))) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise PublishError(f"{digest} in {folder} has {found} bytes, wanted {size}", hint="publish it again")
        content = hashlib.file_digest(file, "sha256").hexdigest()
    if content != _hex(digest):
        raise PublishError(f"{digest} in {folder} is damaged: its content is sha256:{content}", hint="publish it again")


def _small(folder: Path, parts: tuple[str, ...]) -> bytes:
    with _beneath(folder, parts) as file:
        return file.read(JSON_LIMIT + 1)


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


def _foreign(folder: Path) -> bool:
    """Whether there are files and no mark of a layout; what a killed writer of the mark left does not count."""
    names = [path.name for path in folder.iterdir()]
    return _MARK not in names and any(not name.startswith(f".{_MARK}.") for name in names)


def _hex(digest: Digest) -> str:
    return digest.removeprefix("sha256:")


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep every other writer of this machine out; the kernel lets go when this process ends."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
