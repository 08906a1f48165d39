"""Wheels as a tree of entries below one site-packages folder (binary distribution format 1.0, PyPA specifications).

Every file is checked against the wheel's RECORD while it is written. What differs from an installed wheel:

- Scripts, entry points and headers are left out: the server is started as a module.
- Byte code is left out: Python makes its own, and what a wheel brings need not belong to its sources.
- `*.data/purelib` and `platlib` go to site-packages; `*.data/data` is refused, for its files would be missing.

The `installer` library does this too, but writes to a file system; a layer needs the content sorted by path.
"""

import base64
import csv
import errno
import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.domain.source import LockedWheel
from flagrelease.errors import BuildError
from flagrelease.oci.header import check_path
from flagrelease.oci.layer import Entry, Stream

MAX_WHEEL_BYTES = 1 << 36
MAX_WHEEL_ENTRIES = 500_000
MAX_RECORD_BYTES = 1 << 26

_HASHES: Final = ("sha256", "sha384", "sha512")
_LEFT_OUT: Final = ("scripts", "headers")
_CHUNK: Final = 1 << 20
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Everything that zipfile, zlib and csv raise on broken input.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file's line in RECORD: the name of the hash, and the hash."""

    algorithm: str
    digest: bytes


@contextmanager
def wheel_entries(wheels: Sequence[tuple[LockedWheel, Path]], site_packages: str) -> Iterator[list[Entry]]:
    """Give the entries of all wheels; the files stay open, and content can be read, until the block is left.

    Two wheels may bring one path when their RECORDs give it the same hash, as parts of a namespace package do.

    Args:
        wheels: each with its file.
        site_packages: absolute path of the folder in the image.

    Raises:
        BuildError: when a file is not the wheel the lock names, a file is not in RECORD or not as RECORD says, or two
            wheels bring different files at one path.
    """
    folder = site_packages.removeprefix("/")
    found: dict[str, tuple[Recorded, Entry]] = {}
    with ExitStack() as opened:
        for wheel, file in wheels:
            where = f"the wheel {wheel.filename}"
            with _naming(where):
                archive = opened.enter_context(zipfile.ZipFile(file))
                for recorded, entry in _read(archive, wheel, folder, where):
                    other, known = found.setdefault(entry.path, (recorded, entry))
                    if other != recorded:
                        raise BuildError(
                            f"/{entry.path} is different in {known.owner} and {where}, wanted in one of them"
                        )
        yield [entry for _, entry in found.values()]


def _read(archive: zipfile.ZipFile, wheel: LockedWheel, folder: str, where: str) -> Iterator[tuple[Recorded, Entry]]:
    members = _members(archive, where)
    info = _info_folder(members, wheel, where)
    record = _record(archive, members, f"{info}/RECORD", where)
    data = f"{info.removesuffix('.dist-info')}.data"
    for name, member in members.items():
        recorded = _recorded(name, info, record, where)
        place = _place(name, data, where)
        if place is not None:
            executable = bool(member.external_attr >> 16 & 0o111)
            yield (
                recorded,
                Entry(
                    path=f"{folder}/{place}",
                    kind="file",
                    mode=0o755 if executable else 0o644,
                    content=_content(archive, member, recorded, where),
                    owner=where,
                ),
            )


@contextmanager
def _naming(where: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise BuildError(f"{where} is not a wheel that can be read: {error}") from error
    except OSError as error:
        # A place before the start of the file, which only a broken archive asks for.
        if error.errno != errno.EINVAL:
            raise
        raise BuildError(f"{where} is not a wheel that can be read: {error}") from error


def _members(archive: zipfile.ZipFile, where: str) -> Mapping[str, zipfile.ZipInfo]:
    """Give the files of the archive by name."""
    members: dict[str, zipfile.ZipInfo] = {}
    left = MAX_WHEEL_BYTES
    for count, member in enumerate(archive.infolist()):
        left -= member.file_size
        if left < 0 or count >= MAX_WHEEL_ENTRIES:
            raise BuildError(f"{where} holds more than {MAX_WHEEL_BYTES} bytes or {MAX_WHEEL_ENTRIES} files")
        if member.is_dir():
            continue
        # The name as it is stored: zipfile cuts it at a NUL.
        name = check_path(member.orig_filename, where)
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
            raise BuildError(f"{where}: {name} is no file")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise BuildError(f"{where}: {name} is encrypted, or not compressed by deflate")
        if name in members:
            raise BuildError(f"{where}: {name} is there twice")
        members[name] = member
    return members


def _info_folder(members: Mapping[str, zipfile.ZipInfo], wheel: LockedWheel, where: str) -> str:
    """Give the name of the one `.dist-info` folder, checked against the lock."""
    found = {name.split("/", 1)[0] for name in members if name.split("/", 1)[0].endswith(".dist-info") and "/" in name}
    if len(found) != 1:
        raise BuildError(f"{where} has {len(found)} .dist-info folders, wanted one")
    info = found.pop()
    project, _, version = info.removesuffix(".dist-info").partition("-")
    if _normal(project) != _normal(wheel.project) or _normal(version) != _normal(wheel.version):
        raise BuildError(f"{where} is {project} {version}, the lock says {wheel.project} {wheel.version}")
    return info


def _normal(name: str) -> str:
    """PEP 503, which holds for the separators in versions as wheels escape them too."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _record(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], path: str, where: str
) -> Mapping[str, Recorded]:
    """Read RECORD: files by name; those without a hash are left out."""
    if path not in members or members[path].file_size > MAX_RECORD_BYTES:
        raise BuildError(f"{where}: wanted {path} of at most {MAX_RECORD_BYTES} bytes")
    with archive.open(members[path]) as stream:
        text = stream.read(MAX_RECORD_BYTES).decode()
    record: dict[str, Recorded] = {}
    for row in csv.reader(io.StringIO(text, newline="")):
        if not row:
            continue
        name, stated = [*row, ""][:2]
        if name in record:
            raise BuildError(f"{where}: RECORD lists {name[:300]!r} twice")
        if stated:
            algorithm, _, digest = stated.partition("=")
            if algorithm not in _HASHES:
                raise BuildError(
                    f"{where}: RECORD hashes {name[:300]!r} by {algorithm[:40]!r}, wanted one of {_HASHES}"
                )
            record[name] = Recorded(algorithm, base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)))
    missing = record.keys() - members.keys()
    if missing:
        raise BuildError(f"{where}: RECORD lists {min(missing)[:300]!r}, which is not there")
    return record


def _recorded(name: str, info: str, record: Mapping[str, Recorded], where: str) -> Recorded:
    if name in record:
        return record[name]
    # A list cannot hold its own hash, nor that of its signatures.
    if name in {f"{info}/RECORD", f"{info}/RECORD.jws", f"{info}/RECORD.p7s"}:
        return Recorded("", name.encode())
    raise BuildError(f"{where}: {name} is not in RECORD")


def _place(name: str, data: str, where: str) -> str | None:
    """Where a file goes below site-packages; None when it is left out."""
    if "__pycache__" in name.split("/") or name.endswith(".pyc"):
        return None
    if not name.startswith(f"{data}/"):
        return name
    scheme, _, rest = name.removeprefix(f"{data}/").partition("/")
    if scheme in {"purelib", "platlib"} and rest:
        return rest
    if scheme in _LEFT_OUT:
        return None
    raise BuildError(
        f"{where}: {name} would go to the scheme {scheme[:40]!r}, wanted purelib, platlib, scripts or headers"
    )


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, recorded: Recorded, where: str) -> Stream:
    def chunks() -> Iterator[bytes]:
        found = hashlib.new(recorded.algorithm) if recorded.algorithm else None
        with _naming(where), archive.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                if found is not None:
                    found.update(chunk)
                yield chunk
        if found is not None and found.digest() != recorded.digest:
            raise BuildError(f"{where}: {member.filename} is not what RECORD says ({recorded.algorithm})")

    return Stream(size=member.file_size, chunks=chunks)
