"""An evidence pack from somebody else: nothing of it is written, or believed, before all of it was checked."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.evidence.writing import FILES, MANIFEST, SIGNATURE
from flagrelease.adapters.storage.disk import CHUNK, write_all, writing
from flagrelease.domain.packed import FILES_LIMIT, TOTAL_LIMIT, EvidenceManifest, PackedFile
from flagrelease.errors import BuildError, RecipeError, SourceError
from flagrelease.formats.strict import decode_json
from flagrelease.oci.archive import Packed, read_members
from flagrelease.oci.header import BLOCK
from flagrelease.sealing.detached import DetachedSignature, VerifyingKey, signer_of

_MANIFEST_LIMIT: Final = 16 << 20
_SIGNATURE_LIMIT: Final = 64 << 10
_MEMBERS_LIMIT: Final = 4 * FILES_LIMIT
"""Folders count, too."""

_WHOLE: Final = "copy it again, whole, as `flagrelease evidence pack` wrote it"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack that is open. `signer` is the trusted key that signed it; `claimed` who it says that it was."""

    path: Path
    sha256: str
    manifest: EvidenceManifest
    signer: VerifyingKey | None
    claimed: str | None
    _fd: int
    _members: Mapping[str, Packed]

    def copy(self, file: PackedFile, to: Path) -> None:
        """Write one of the files. Raises SourceError where it is not the one that the manifest names."""
        member = self._members[f"{FILES}{file.path}"]
        to.parent.mkdir(parents=True, exist_ok=True)
        total = hashlib.sha256()
        with writing(to, file.size):
            fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                for data in _chunks(self._fd, member):
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
    fd = _opened(path)
    try:
        members = _members(fd, path)
        manifest, data = _manifest(fd, path, members)
        _check_files(fd, path, members, manifest)
        signature = _signature(fd, path, members)
        digest = hashlib.sha256(data).hexdigest()
        signer = signature and signer_of(signature, "flagrelease.evidence", manifest.image, digest, trusted)
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(fd), "rb") as stream:
            whole = hashlib.file_digest(stream, "sha256").hexdigest()
        yield Pack(
            path=path, sha256=whole, manifest=manifest, signer=signer or None,
            claimed=signature.claimed if signature else None, _fd=fd, _members=members,
        )  # fmt: skip
    finally:
        os.close(fd)


def _opened(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"there is no {path}", hint="name a file that `flagrelease evidence pack` wrote") from None
    found = os.fstat(fd)
    most = TOTAL_LIMIT + _MANIFEST_LIMIT + _MEMBERS_LIMIT * 4 * BLOCK
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        os.close(fd)
        what = f"{found.st_size:,} bytes" if stat.S_ISREG(found.st_mode) else "something that is no file"
        raise SourceError(f"{path}: wanted a file of at most {most:,} bytes, found {what}", hint=_WHOLE)
    return fd


def _members(fd: int, path: Path) -> Mapping[str, Packed]:
    """Files by path. Folders are only those that files lie in; there is nothing else."""
    files: dict[str, Packed] = {}
    folders: set[str] = set()
    try:
        for number, packed in enumerate(read_members(fd, str(path))):
            member = packed.member
            if number >= _MEMBERS_LIMIT:
                raise _no_pack(f"{path}: wanted at most {_MEMBERS_LIMIT} entries, found more")
            if member.path in files:
                raise _no_pack(f"{path}: {member.path} is there twice")
            if member.kind == "directory":
                folders.add(member.path)
            elif member.kind == "file":
                files[member.path] = packed
            else:
                raise _no_pack(f"{path}: {member.path} is a {member.kind}, wanted plain files")
    except BuildError as error:
        raise _no_pack(error.message) from error
    above = {parent.as_posix() for name in files for parent in Path(name).parents} - {"."}
    if strange := sorted(folders - above) or sorted(set(files) & above):
        raise _no_pack(f"{path}: {strange[0]} is a folder that no file lies in, or a file and a folder")
    return files


def _no_pack(text: str) -> SourceError:
    return SourceError(f"this is no evidence pack: {text}", hint=_WHOLE)


def _manifest(fd: int, path: Path, members: Mapping[str, Packed]) -> tuple[EvidenceManifest, bytes]:
    data = _small(fd, path, members, MANIFEST, _MANIFEST_LIMIT)
    if data is None:
        raise SourceError(f"{path}: this is no evidence pack: it has no {MANIFEST}", hint=_WHOLE)
    try:
        return decode_json(data, EvidenceManifest, source=f"{path}/{MANIFEST}"), data
    except RecipeError as error:
        hint = "take it with the flagrelease that packed it, or a newer one"
        raise SourceError(error.message, hint=hint) from error


def _signature(fd: int, path: Path, members: Mapping[str, Packed]) -> DetachedSignature | None:
    data = _small(fd, path, members, SIGNATURE, _SIGNATURE_LIMIT)
    try:
        return None if data is None else decode_json(data, DetachedSignature, source=f"{path}/{SIGNATURE}")
    except RecipeError as error:
        raise SourceError(error.message, hint=_WHOLE) from error


def _small(fd: int, path: Path, members: Mapping[str, Packed], name: str, most: int) -> bytes | None:
    packed = members.get(name)
    if packed is None:
        return None
    if packed.member.size > most:
        raise SourceError(f"{path}: {name} has {packed.member.size:,} bytes, wanted at most {most:,}", hint=_WHOLE)
    return b"".join(_chunks(fd, packed))


def _check_files(fd: int, path: Path, members: Mapping[str, Packed], manifest: EvidenceManifest) -> None:
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
        for data in _chunks(fd, members[name]):
            total.update(data)
        if total.hexdigest() != file.sha256:
            raise _changed(path, file, total.hexdigest())


def _chunks(fd: int, packed: Packed) -> Iterator[bytes]:
    at, left = packed.offset, packed.member.size
    while left > 0:
        data = os.pread(fd, min(left, CHUNK), at)
        if not data:
            raise SourceError(f"{packed.member.path} is cut: the pack became shorter while it was read", hint=_WHOLE)
        yield data
        at, left = at + len(data), left - len(data)


def _changed(path: Path, file: PackedFile, found: str) -> SourceError:
    text = f"{path}: {file.path} was changed after it was packed: wanted sha256 {file.sha256}, found {found}"
    return SourceError(text, hint=_WHOLE)
