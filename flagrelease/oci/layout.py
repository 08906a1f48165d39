"""An OCI image layout: images as a folder that stock tools read (OCI image specification, image-layout.md).

Blobs first, each read back by its digest, then `index.json` in one rename: a tag never stands for bytes that are not
there. Writers on one machine take turns (flock on the folder), and a layout keeps the images it already holds.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError
from flagrelease.formats.durable import write_durably
from flagrelease.oci.layout_files import BLOBS, blob_path, blob_stat, check_blob, copy_blob, read_small, sync_folder
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from flagrelease.oci.reference import check_tag
from flagrelease.oci.untrusted import descriptors, json_object
from flagrelease.ports import Progress, Store

_MARK = "oci-layout"
_VERSION = "1.0.0"
_DEEPEST = 4
_REF_NAME = "org.opencontainers.image.ref.name"
_INDEXES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = (MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json")


def _silent(_done: int, _total: int) -> None:
    """Nobody follows."""


def write_layout(
    store: Store, image: Image, folder: Path, *, tag: str, copies: bool = False, progress: Progress = _silent
) -> int:
    """Put the image into the layout at `folder` under `tag`; makes the layout when there is none.

    With `copies`, every blob is a file of the layout's own. Without, it is the store's file under another name where
    the file system can do that: it takes no room, and shares all damage.

    Returns:
        The bytes of the blobs that were put there, damaged ones anew; 0 when the layout had them all.

    Raises:
        PublishError: `tag` names another image there, `folder` is something else or damaged, or it cannot be written.
    """
    check_tag(tag)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder):
            return _write(store, image, folder, tag, copies=copies, progress=progress)
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


def read_index(folder: Path) -> tuple[Descriptor, ...]:
    """What a layout's index names; no blob is read. Raises PublishError where the index makes no sense."""
    return _read_index(folder).found


def tag_of(entry: Descriptor) -> str | None:
    """The tag under which a layout's index names an image."""
    return entry.annotations.get(_REF_NAME)


def check_layout(folder: Path) -> None:
    """See that `folder` is a layout; reads no blob.

    Raises:
        PublishError: it is not, or is of another version.
    """
    mark = json_object(read_small(folder, (_MARK,)), str(folder / _MARK))
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


def _write(store: Store, image: Image, folder: Path, tag: str, *, copies: bool, progress: Progress) -> int:
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
    sent = _put_blobs(store, sizes, folder, copies=copies, progress=progress)
    if not tagged:
        write_durably(folder / "index.json", _with_entry(index, image, tag))
    return sent


def _put_blobs(store: Store, sizes: dict[Digest, int], folder: Path, *, copies: bool, progress: Progress) -> int:
    blobs = folder.joinpath(*BLOBS)
    blobs.mkdir(parents=True, exist_ok=True)
    if blobs.is_symlink() or blobs.parent.is_symlink():
        raise PublishError(f"{blobs} leads out of the layout", hint="name another folder")
    sent, done, total = 0, 0, sum(sizes.values())

    def copied(count: int) -> None:
        progress(done + count, total)

    for digest, size in sizes.items():
        if copies and not _is_its_own(folder, digest, size):
            copy_blob(store.path(digest), folder, digest, copied)
            sent += size
        elif not copies and not (_is_the_stores(store, folder, digest, size) or _is_good(folder, digest, size)):
            store.link(digest, blob_path(folder, digest))
            check_blob(folder, digest, size)
            sent += size
        done += size
        progress(done, total)
    for path in (blobs, blobs.parent, folder):
        sync_folder(path)
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
    document = json_object(read_small(folder, ("index.json",)), str(path))
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
    check_blob(folder, entry.digest, entry.size)
    if entry.media_type not in (*_INDEXES, *_MANIFESTS):
        return
    what = f"{entry.digest} in {folder}"
    document = json_object(read_small(folder, (*BLOBS, entry.digest.removeprefix("sha256:"))), what)
    if entry.media_type in _INDEXES:
        below = descriptors(document.get("manifests"), what)
    else:
        below = (*descriptors([document.get("config")], what), *descriptors(document.get("layers"), what))
    for each in below:
        _check_tree(folder, each, seen, depth=depth + 1)


def _is_the_stores(store: Store, folder: Path, digest: Digest, size: int) -> bool:
    """Whether the blob is the very file of the store, which vouches for it: it need not be read again."""
    there = blob_stat(folder, digest)
    if there is None or there.st_size != size or not store.has(digest):
        return False
    return os.path.samestat(store.path(digest).lstat(), there)


def _is_its_own(folder: Path, digest: Digest, size: int) -> bool:
    """Whether the blob is right, and no file of the store or of another layout under one more name."""
    there = blob_stat(folder, digest)
    return there is not None and there.st_nlink == 1 and _is_good(folder, digest, size)


def _is_good(folder: Path, digest: Digest, size: int) -> bool:
    """Whether the blob is there and right; a damaged one is put there anew."""
    there = blob_stat(folder, digest)
    if there is None or there.st_size != size:
        return False
    try:
        check_blob(folder, digest, size)
    except PublishError:
        return False
    return True


def _foreign(folder: Path) -> bool:
    """Whether there are files and no mark of a layout; what a killed writer of the mark left does not count."""
    names = [path.name for path in folder.iterdir()]
    return _MARK not in names and any(not name.startswith(f".{_MARK}.") for name in names)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep every other writer of this machine out; the kernel lets go when this process ends."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
