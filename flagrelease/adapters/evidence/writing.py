"""An evidence pack: a tar of a manifest, its signature and the files, whose bytes depend on nothing but these."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from flagrelease.adapters.storage.disk import sync_folder, writing
from flagrelease.domain.packed import EvidenceManifest, PackedFile
from flagrelease.errors import ToolError
from flagrelease.formats.canonical import pretty_json
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.sealing.detached import SigningKey, sign

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
FILES: Final = "files/"
"""Where the stages' files lie in the archive."""


class _FileWriter:
    """A plain file as `write_layer` writes to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes taken."""
        return self._file.write(data)

    def copy_from(self, source: Path) -> int:
        """Append a whole file; returns its size in bytes."""
        with source.open("rb") as stream:
            begin = self._file.tell()
            shutil.copyfileobj(stream, self._file)
        return self._file.tell() - begin

    def tell(self) -> int:
        """Bytes so far."""
        return self._file.tell()


def packed_file(path: str, file: Path) -> PackedFile:
    """A file as the manifest names it."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return PackedFile(path=path, sha256=digest, size=file.stat().st_size)


def write_pack(to: Path, manifest: EvidenceManifest, files: Mapping[str, Path], signer: SigningKey | None) -> str:
    """Write the pack, whole or not at all; its SHA-256. The same pack again is no fault.

    Raises:
        ToolError: another file has that name, or there is no room.
    """
    data = pretty_json(manifest)
    entries = [Entry(path=MANIFEST, kind="file", content=data)]
    if signer is not None:
        signature = pretty_json(sign("flagrelease.evidence", manifest.image, data, signer))
        entries.append(Entry(path=SIGNATURE, kind="file", content=signature))
    entries += [Entry(path=f"{FILES}{path}", kind="file", content=file) for path, file in files.items()]
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with writing(to, sum(file.size for file in manifest.files)), beside.open("xb") as file:
            write_layer(_FileWriter(file), entries)
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(beside)
        _name(beside, to, digest)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(to.parent)
    return digest


def _name(beside: Path, to: Path, digest: str) -> None:
    """Unlike a rename, a link does not take the place of a file that is there."""
    try:
        os.link(beside, to)
    except FileExistsError as error:
        if not to.is_file() or _sha256(to) != digest:
            raise ToolError(f"{to} is there already, and is another file", hint="name another one with --to") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
