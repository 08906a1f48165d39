"""An export from somebody else: what is taken of it was held against its digest first."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.exports.naming import INDEX_NAME, MARK_NAME, blob_name
from flagrelease.adapters.plain_archive import Kind, PlainArchive, opened_archive
from flagrelease.adapters.storage.disk import write_all, writing
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.exported import FILES_LIMIT, Exported, ExportedFile
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import BuildError, PublishError, RecipeError, SourceError
from flagrelease.formats.strict import decode_json
from flagrelease.oci.artifact import MARK, Artifact, Blob, Index, closure, parse_artifact, parse_index
from flagrelease.oci.header import check_path
from flagrelease.oci.layer import parents
from flagrelease.oci.manifest import MAX_BLOB_BYTES, Manifest, parse_manifest
from flagrelease.oci.untrusted import JSON_LIMIT

_KIND: Final = Kind(
    name="export",
    written_by="flagrelease export",
    most_bytes=MAX_BLOB_BYTES,
    most_entries=3 * FILES_LIMIT,
)
Taken = Callable[[int], None]
"""Called with the bytes that were read since the last call."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export that is open. Its documents were checked and fit together; no other blob has been read."""

    path: Path
    exported: Exported
    image: Manifest
    image_blobs: Mapping[Digest, int]
    kept: Mapping[Digest, int]
    _archive: PlainArchive

    def keep(self, digest: Digest, store: FileStore, taken: Taken) -> None:
        """Put a blob into the store. Raises SourceError where its content is not its digest's."""
        with store.writer() as blob:
            for data in self._archive.chunks(blob_name(digest)):
                blob.write(data)
                taken(len(data))
            if blob.digest != digest:
                raise self._changed(digest, blob.digest)
            blob.commit()

    def copy(self, file: ExportedFile, to: Path) -> None:
        """Write a stage's file. Raises SourceError where it is not the one that is named."""
        total = hashlib.sha256()
        with writing(to, file.size):
            to.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                for data in self._archive.chunks(blob_name(file.digest)):
                    total.update(data)
                    write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
        if total.hexdigest() != file.sha256:
            raise self._changed(file.digest, f"sha256:{total.hexdigest()}")

    def read(self, file: ExportedFile) -> bytes:
        """A small file of a stage, checked like the others."""
        return _checked_small(self._archive, Blob(digest=file.digest, size=file.size))

    def refuse_other_image(self, image: Image) -> None:
        """Raise SourceError where a stage's value speaks of another image than the one that is in the export."""
        there = (self.exported.image, self.image.config.digest, [(one.digest, one.size) for one in self.image.layers])
        said = (image.digest, image.config, [(one.digest, one.size) for one in image.layers])
        if said != there or image.manifest_size != self.image_blobs[self.exported.image]:
            text = f"wanted a build stage of {self.exported.image}, found one of {image.digest} with other parts"
            raise SourceError(f"{self.path}: {text}", hint=_KIND.again)

    def _changed(self, digest: Digest, found: Digest) -> SourceError:
        return _changed(self._archive, digest, found)


@contextmanager
def opened_export(path: Path) -> Iterator[Export]:
    """The export, after its documents were checked, and that every blob they name is there, and nothing else.

    Raises SourceError: no export, cut, a link or another thing in it, a document that is not as an export has it, a
    blob too many, too few or of another size.
    """
    with opened_archive(path, _KIND) as archive:
        try:
            index = _index(archive)
            beside = Blob(digest=index.beside, size=_size(archive, index.beside))
            artifact = parse_artifact(_checked_small(archive, beside))
            exported = _exported(archive, artifact)
            manifest = parse_manifest(_checked_small(archive, index.image))
            blobs = (index.image, *(Blob(digest=one.digest, size=one.size) for one in manifest.blobs()))
            sizes = closure(blobs, beside, artifact)
            _refuse_paths(archive, exported)
        except (BuildError, PublishError) as error:
            raise SourceError(f"this is no export: {path}: {error.message}", hint=_KIND.again) from error
        _refuse_misfit(archive, index, artifact, exported)
        _refuse_other_members(archive, sizes)
        yield Export(
            path=path, exported=exported, image=manifest, _archive=archive,
            image_blobs={blob.digest: blob.size for blob in blobs},
            kept={digest: sizes[digest] for digest in exported.kept},
        )  # fmt: skip


def _index(archive: PlainArchive) -> Index:
    if archive.small(MARK_NAME, JSON_LIMIT) != MARK:
        raise _is_none(archive, f"its {MARK_NAME} is missing, or of another version")
    data = archive.small(INDEX_NAME, JSON_LIMIT)
    if data is None:
        raise _is_none(archive, f"it has no {INDEX_NAME}")
    return parse_index(data)


def _exported(archive: PlainArchive, artifact: Artifact) -> Exported:
    data = _checked_small(archive, artifact.config)
    try:
        return decode_json(data, Exported, source=f"{archive.path}/{blob_name(artifact.config.digest)}")
    except RecipeError as error:
        raise SourceError(error.message, hint="take it with the flagrelease that exported it") from error


def _refuse_misfit(archive: PlainArchive, index: Index, artifact: Artifact, exported: Exported) -> None:
    """The documents have to speak of one image, and of the same files."""
    named = {file.digest: file.size for file in exported.files}
    sizes = {blob.digest: blob.size for blob in artifact.blobs}
    listed = [blob.digest for blob in artifact.blobs]
    wrong = [
        text
        for text, found in (
            ("its parts are about several images", {index.image.digest, artifact.subject.digest} != {exported.image}),
            ("its tag is not the revision", index.tag != exported.revision),
            ("its manifest names other blobs than its configuration", listed != sorted({*named, *exported.kept})),
            ("a file has two sizes", any(sizes.get(digest) != size for digest, size in named.items())),
        )
        if found
    ]
    if wrong:
        raise _is_none(archive, wrong[0])


def _refuse_paths(archive: PlainArchive, exported: Exported) -> None:
    """What cannot be written: names that are too long, a file below a file."""
    paths = {check_path(file.path, INDEX_NAME) for file in exported.files}
    above = {parent for path in paths for parent in parents(path)}
    if both := sorted(paths & above):
        raise _is_none(archive, f"{both[0]} is a file and a folder")


def _refuse_other_members(archive: PlainArchive, sizes: Mapping[Digest, int]) -> None:
    wanted = {blob_name(digest): size for digest, size in sizes.items()}
    found = set(archive.members) - {MARK_NAME, INDEX_NAME}
    if differing := sorted(wanted.keys() ^ found):
        where = "wanted and not there" if differing[0] in wanted else "there, and no manifest names it"
        raise _is_none(archive, f"{differing[0]} is {where}")
    for name, size in wanted.items():
        if archive.members[name].member.size != size:
            raise _is_none(archive, f"wanted {size:,} bytes of {name}, found {archive.members[name].member.size:,}")


def _checked_small(archive: PlainArchive, blob: Blob) -> bytes:
    data = archive.small(blob_name(blob.digest), JSON_LIMIT)
    if data is None:
        raise _is_none(archive, f"{blob_name(blob.digest)} is wanted and not there")
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if found != blob.digest:
        raise _changed(archive, blob.digest, found)
    return data


def _size(archive: PlainArchive, digest: Digest) -> int:
    packed = archive.members.get(blob_name(digest))
    return packed.member.size if packed else 0


def _changed(archive: PlainArchive, digest: Digest, found: Digest) -> SourceError:
    return SourceError(f"{archive.path}: {blob_name(digest)} was changed: its content is {found}", hint=_KIND.again)


def _is_none(archive: PlainArchive, text: str) -> SourceError:
    return SourceError(f"this is no export: {archive.path}: {text}", hint=_KIND.again)
