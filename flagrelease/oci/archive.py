"""The members of a layer from outside, in the order they lie in the tar: nothing is believed unchecked."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flagrelease.errors import BuildError
from flagrelease.oci.header import BLOCK, Kind, Member, RawHeader, check_path, check_text, read_block, read_records

MAX_RECORDS_BYTES = 64 * 1024
"""A pax header longer than this holds no path that could be made."""

MAX_TRAILING_BYTES = 1 << 20
"""Zeroes after the end of the archive: `tar` fills up to its record size."""

_KINDS: Final[Mapping[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"5": "directory",
}
_REFUSED: Final[Mapping[bytes, str]] = {
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a fifo",
    b"S": "a sparse file",
}
_TYPE_BITS: Final[Mapping[Kind, int]] = {
    "file": stat.S_IFREG,
    "hardlink": stat.S_IFREG,
    "symlink": stat.S_IFLNK,
    "directory": stat.S_IFDIR,
}
# Owners and times of the packer are read past: the tree belongs to whoever unpacks it.
_RECORDS: Final = {"path", "linkpath", "size", "comment", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"}
_COMPRESSED: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A member and where its payload begins, in bytes from the start of the archive."""

    member: Member
    offset: int


def read_members(fd: int, where: str) -> Iterator[Packed]:
    """Give the members of an archive that is not compressed, without their payloads.

    Understood are ustar, pax and GNU's long names. Paths and link targets are checked; nothing is written.

    Raises:
        BuildError: when the archive is cut, compressed, malformed, or holds anything but files, directories and links.
    """
    total = os.fstat(fd).st_size
    start = os.pread(fd, 8, 0)
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise BuildError(f"{where} is compressed with {name}, wanted a plain tar")
    at = 0
    extra: dict[str, bytes] = {}
    while True:
        block = _read(fd, at, BLOCK, where)
        if not any(block):
            _check_end(fd, at, total, where)
            return
        raw = read_block(block, where)
        at += BLOCK
        if raw.type_ in {b"x", b"L", b"K"}:
            _add(extra, raw, fd, at, where)
            at += raw.size + -raw.size % BLOCK
            continue
        member = _member(raw, extra, where)
        extra = {}
        if member.size > total - at:
            raise BuildError(
                f"{where}: {member.path} is cut: {member.size} bytes were announced, {total - at} are there"
            )
        yield Packed(member=member, offset=at)
        at += member.size + -member.size % BLOCK


def _read(fd: int, at: int, size: int, where: str) -> bytes:
    data = os.pread(fd, size, at)
    if len(data) != size:
        raise BuildError(f"{where} is cut: it ends at byte {at + len(data)} without the two zero blocks of an end")
    return data


def _check_end(fd: int, at: int, total: int, where: str) -> None:
    rest = total - at
    if rest > MAX_TRAILING_BYTES:
        raise BuildError(f"{where}: {rest} bytes lie after the end of the archive")
    if rest < 2 * BLOCK or any(_read(fd, at, rest, where)):
        raise BuildError(f"{where}: the archive does not end in two zero blocks and zeroes")


def _add(extra: dict[str, bytes], raw: RawHeader, fd: int, at: int, where: str) -> None:
    """Read a header that is about the next member."""
    if raw.size > MAX_RECORDS_BYTES:
        raise BuildError(f"{where}: a header record of {raw.size} bytes, wanted at most {MAX_RECORDS_BYTES}")
    body = _read(fd, at, raw.size, where)
    match raw.type_:
        case b"L":
            records: Mapping[str, bytes] = {"path": body.removesuffix(b"\0")}
        case b"K":
            records = {"linkpath": body.removesuffix(b"\0")}
        case _:
            records = read_records(body, where)
    for key, value in records.items():
        if key not in _RECORDS:
            raise BuildError(
                f"{where}: the pax record {key[:100]!r} is not taken: it could give rights or hide content"
            )
        if key in extra:
            raise BuildError(f"{where}: the header record {key!r} is there twice for one member")
        extra[key] = value


def _member(raw: RawHeader, extra: Mapping[str, bytes], where: str) -> Member:
    path = _text(extra.get("path", raw.path), where)
    if raw.type_ not in _KINDS:
        raise BuildError(f"{where}: {path[:300]!r} is {_REFUSED.get(raw.type_, f'of the unknown type {raw.type_!r}')}, "
                         "wanted a file, directory or link")  # fmt: skip
    kind = _KINDS[raw.type_]
    size = raw.size
    if "size" in extra:
        digits = extra["size"]
        if not digits.isdigit() or len(digits) > 18:  # noqa: PLR2004
            raise BuildError(f"{where}: {path[:300]!r} has the size {digits[:40]!r}, wanted a number of bytes")
        size = int(digits)
    if kind != "file" and size:
        raise BuildError(f"{where}: {path[:300]!r} is a {kind} with {size} bytes of content")
    if kind == "file" and path.endswith("/"):
        raise BuildError(f"{where}: {path[:300]!r} is a file whose name ends in a slash")
    path = "." if path in {".", "./"} and kind == "directory" else check_path(_plain(path, kind), where)
    # Docker writes the kind of a file into its mode as well, as stat(2) has it.
    mode = raw.mode & 0o7777 if stat.S_IFMT(raw.mode) == _TYPE_BITS[kind] else raw.mode
    if mode & ~0o7777:
        raise BuildError(f"{where}: {path} has the mode {raw.mode:#o}, wanted twelve bits")
    if mode & 0o6000:
        raise BuildError(f"{where}: {path} has the setuid or setgid bit")
    target = ""
    if kind in {"symlink", "hardlink"}:
        target = check_text(_text(extra.get("linkpath", raw.target), where), f"{where}: the target of {path}")
    if kind == "hardlink":
        target = check_path(target.removeprefix("./"), f"{where}: the target of {path}")
    return Member(path=path, kind=kind, mode=mode, size=size, target=target)


def _plain(path: str, kind: Kind) -> str:
    path = path.removeprefix("./")
    return path.removesuffix("/") if kind == "directory" else path


def _text(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BuildError(f"{where}: the name {value[:100]!r} is not UTF-8") from error
