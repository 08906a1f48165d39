"""An evidence pack from somebody else: nothing of it is written, or believed, before all of it was checked."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.evidence.writing import FILES, MANIFEST, SIGNATURE
from flagrelease.adapters.plain_archive import Kind, PlainArchive, opened_archive
from flagrelease.adapters.storage.disk import write_all, writing
from flagrelease.domain.packed import FILES_LIMIT, TOTAL_LIMIT, EvidenceManifest, PackedFile
from flagrelease.errors import RecipeError, SourceError
from flagrelease.formats.strict import decode_json
from flagrelease.oci.header import BLOCK
from flagrelease.sealing.detached import DetachedSignature, VerifyingKey, signer_of

_MANIFEST_LIMIT: Final = 16 << 20
_SIGNATURE_LIMIT: Final = 64 << 10
_MEMBERS_LIMIT: Final = 4 * FILES_LIMIT
"""Folders count, too."""

_KIND: Final = Kind(
    name="evidence pack",
    written_by="flagrelease evidence pack",
    most_bytes=TOTAL_LIMIT + _MANIFEST_LIMIT + _MEMBERS_LIMIT * 4 * BLOCK,
    most_entries=_MEMBERS_LIMIT,
)
_WHOLE: Final = _KIND.again


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack that is open. `signer` is the trusted key that signed it; `claimed` who it says that it was."""

    path: Path
    sha256: str
    manifest: EvidenceManifest
    signer: VerifyingKey | None
    claimed: str | None
    _archive: PlainArchive

    def copy(self, file: PackedFile, to: Path) -> None:
        """Write one of the files. Raises SourceError where it is not the one that the manifest names."""
        to.parent.mkdir(parents=True, exist_ok=True)
        total = hashlib.sha256()
        with writing(to, file.size):
            fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                for data in self._archive.chunks(f"{FILES}{file.path}"):
                    total.update(data)
                    write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
        if total.hexdigest() != file.sha256:
            raise _changed(self.path, file, total.hexdigest())


@contextmanager
def opened_pack(path: Path, trusted: Sequence[VerifyingKey]) -> Iterator[Pack]:
    """The pack, after every byte was held against its manifest.

    Raises SourceError: no pack, cut, too large, a link or another thing in it, a file too many, too few or changed.
    """
    with opened_archive(path, _KIND) as archive:
        manifest, data = _manifest(archive)
        _check_files(archive, manifest)
        signature = _signature(archive)
        digest = hashlib.sha256(data).hexdigest()
        signer = signature and signer_of(signature, "flagrelease.evidence", manifest.image, digest, trusted)
        os.lseek(archive.fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(archive.fd), "rb") as stream:
            whole = hashlib.file_digest(stream, "sha256").hexdigest()
        yield Pack(
            path=path, sha256=whole, manifest=manifest, signer=signer or None,
            claimed=signature.claimed if signature else None, _archive=archive,
        )  # fmt: skip


def _manifest(archive: PlainArchive) -> tuple[EvidenceManifest, bytes]:
    path, data = archive.path, archive.small(MANIFEST, _MANIFEST_LIMIT)
    if data is None:
        raise SourceError(f"{path}: this is no evidence pack: it has no {MANIFEST}", hint=_WHOLE)
    try:
        return decode_json(data, EvidenceManifest, source=f"{path}/{MANIFEST}"), data
    except RecipeError as error:
        hint = "take it with the flagrelease that packed it, or a newer one"
        raise SourceError(error.message, hint=hint) from error


def _signature(archive: PlainArchive) -> DetachedSignature | None:
    path, data = archive.path, archive.small(SIGNATURE, _SIGNATURE_LIMIT)
    try:
        return None if data is None else decode_json(data, DetachedSignature, source=f"{path}/{SIGNATURE}")
    except RecipeError as error:
        raise SourceError(error.message, hint=_WHOLE) from error


def _check_files(archive: PlainArchive, manifest: EvidenceManifest) -> None:
    path, members = archive.path, archive.members
    wanted = {f"{FILES}{file.path}": file for file in manifest.files}
    found = set(members) - {MANIFEST, SIGNATURE}
    if differing := sorted(wanted.keys() ^ found):
        where = (
            "the manifest, and not in the archive" if differing[0] in wanted else "the archive, and not the manifest"
        )
        raise SourceError(f"{path}: {differing[0]} is in {where}", hint=_WHOLE)
    for name, file in wanted.items():
        if members[name].member.size != file.size:
            text = f"wanted {file.size:,} bytes of {name}, found {members[name].member.size:,}"
            raise SourceError(f"{path}: {text}", hint=_WHOLE)
        total = hashlib.sha256()
        for data in archive.chunks(name):
            total.update(data)
        if total.hexdigest() != file.sha256:
            raise _changed(path, file, total.hexdigest())


def _changed(path: Path, file: PackedFile, found: str) -> SourceError:
    text = f"{path}: {file.path} was changed after it was packed: wanted sha256 {file.sha256}, found {found}"
    return SourceError(text, hint=_WHOLE)
