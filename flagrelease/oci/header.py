"""Headers of tar archives (POSIX.1-2017 ustar and pax), written so that equal members give equal bytes.

Python's `tarfile` is not used for layers: its header bytes have changed between versions of Python, which would change
digests; when reading it takes a broken header after the first for the end of the archive, and older patch releases have
open holes in it (CVE-2025-8194, CVE-2024-6232).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flagrelease.errors import BuildError

Kind = Literal["file", "directory", "symlink", "hardlink"]

BLOCK = 512
ALIGNMENT = 4096
"""Payloads are put on this boundary in bytes, the block size of the file systems that can share blocks."""

MAX_PATH_BYTES = 4095
MAX_NAME_BYTES = 255
MAX_DEPTH = 128
"""Folders deeper than this are nobody's, and deleting them would exhaust a stack."""

MAX_OCTAL_SIZE = 0o77777777777

_TYPES: dict[Kind, bytes] = {"file": b"0", "directory": b"5", "symlink": b"2", "hardlink": b"1"}
_CHECKSUM = slice(148, 156)
_NAME_BYTES = 100
_PREFIX_BYTES = 155


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One entry of an archive.

    `path` is relative to the root of the image, without `.`, `..` or a slash at its end; `mode` holds the lower twelve
    bits; `size` is in bytes and only files have one; `target` is what a link says.
    """

    path: str
    kind: Kind
    mode: int
    size: int = 0
    target: str = ""


def check_path(path: str, where: str) -> str:
    """Give the path back when it is relative, normal, and free of control characters.

    Args:
        path: a path of an archive.
        where: the archive, for the message.

    Raises:
        BuildError: when it is anything else.
    """
    parts = path.split("/")
    if path.startswith("/"):
        raise BuildError(f"{where}: the path {path[:300]!r} is absolute, wanted one below the root")
    if any(part in {"", ".", ".."} for part in parts):
        raise BuildError(f"{where}: the path {path[:300]!r} has an empty, `.` or `..` part")
    check_text(path, where)
    if len(parts) > MAX_DEPTH:
        raise BuildError(f"{where}: the path {path[:300]!r} is more than {MAX_DEPTH} folders deep")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise BuildError(f"{where}: the path {path[:300]!r} has a part of more than {MAX_NAME_BYTES} bytes")
    return path


def check_text(text: str, where: str) -> str:
    """Give a path or link target back when it is not empty, UTF-8, free of control characters and not too long.

    Raises:
        BuildError: when it is anything else.
    """
    if not text or any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):  # noqa: PLR2004
        raise BuildError(f"{where}: the name {text[:300]!r} is empty or has a control character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BuildError(f"{where}: the name {text[:300]!r} is not UTF-8") from error
    if size > MAX_PATH_BYTES:
        raise BuildError(f"{where}: the name {text[:300]!r} is longer than {MAX_PATH_BYTES} bytes")
    return text


def header(member: Member, *, position: int, align: bool) -> bytes:
    """Give the header blocks of a member that begin at `position` bytes into the archive.

    Owner 0, no owner's name, time 0. A pax header comes first only where ustar cannot say it, or to put the payload
    on a 4096-byte boundary when `align`: then a `comment` record, which readers skip, fills it up.
    """
    path = f"{member.path}/" if member.kind == "directory" else member.path
    records: dict[str, str] = {}
    prefix, name = _split(path)
    if not name:
        records["path"] = path
    target = _ustar(member.target, _NAME_BYTES)
    if member.target and not target:
        records["linkpath"] = member.target
    if member.size > MAX_OCTAL_SIZE:
        records["size"] = str(member.size)
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    if align:
        body += _filling(len(body), position)
    block = _block(
        name=name or b"pax",
        prefix=prefix,
        mode=member.mode,
        size=0 if "size" in records else member.size,
        type_=_TYPES[member.kind],
        target=target or (b"pax" if member.target else b""),
    )
    if not body:
        return block
    pax = _block(name=b"././@PaxHeader", prefix=b"", mode=0o644, size=len(body), type_=b"x", target=b"")
    return pax + body + bytes(-len(body) % BLOCK) + block


def _filling(used: int, position: int) -> bytes:
    # position + pax header + body + header has to be on the boundary; the body may be any number of blocks.
    if used == 0 and (position + BLOCK) % ALIGNMENT == 0:
        return b""
    shortest = len(_record("comment", ""))
    length = -(position + 2 * BLOCK) % ALIGNMENT
    while length < used + shortest:
        length += ALIGNMENT
    # The length of a record counts its own digits, so filling is tried from just below.
    wanted = length - used
    text = "." * (wanted - shortest)
    record = _record("comment", text)
    while len(record) > wanted:
        text = text[1:]
        record = _record("comment", text)
    return record


def _record(key: str, value: str) -> bytes:
    """One pax record: its own length in decimal, a space, key=value, a line end."""
    rest = b" " + key.encode() + b"=" + value.encode() + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _ustar(text: str, room: int) -> bytes:
    return text.encode() if text.isascii() and len(text) <= room else b""


def _split(path: str) -> tuple[bytes, bytes]:
    """Prefix and name for the two fields of ustar; an empty name when the path does not fit."""
    if not path.isascii():
        return b"", b""
    if len(path) <= _NAME_BYTES:
        return b"", path.encode()
    # The prefix ends at a slash, which is not stored; the name must not be empty.
    cut = path.rfind("/", 0, min(_PREFIX_BYTES + 1, len(path) - 1))
    if cut <= 0 or len(path) - cut - 1 > _NAME_BYTES:
        return b"", b""
    return path[:cut].encode(), path[cut + 1 :].encode()


def _block(*, name: bytes, prefix: bytes, mode: int, size: int, type_: bytes, target: bytes) -> bytes:
    fields = (
        name.ljust(_NAME_BYTES, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0" * 2,
        b"%011o\0" % size,
        b"00000000000\0",
        b" " * 8,
        type_,
        target.ljust(_NAME_BYTES, b"\0"),
        b"ustar\x0000",
        bytes(64),
        b"0000000\0" * 2,
        prefix.ljust(_PREFIX_BYTES, b"\0"),
        bytes(12),
    )
    block = bytearray(b"".join(fields))
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)


# Reading ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class RawHeader:
    """One header block as it stands, before pax records are laid over it; `size` is that of the payload in bytes."""

    path: bytes
    type_: bytes
    mode: int
    size: int
    target: bytes


def read_block(block: bytes, where: str) -> RawHeader:
    """Read one header block.

    Raises:
        BuildError: when its checksum, its magic or a number in it is wrong.
    """
    if block[257:262] != b"ustar":
        raise BuildError(f"{where}: no tar header where one was wanted")
    stated = _number(block[_CHECKSUM], where)
    if stated != sum(block) - sum(block[_CHECKSUM]) + 8 * 0x20:
        raise BuildError(f"{where}: the checksum of a tar header does not match")
    name = block[0:100].split(b"\0", 1)[0]
    # GNU's own format keeps times where ustar keeps the prefix.
    prefix = block[345:500].split(b"\0", 1)[0] if block[262:263] == b"\0" else b""
    return RawHeader(
        path=prefix + b"/" + name if prefix else name,
        type_=block[156:157],
        mode=_number(block[100:108], where),
        size=_number(block[124:136], where),
        target=block[157:257].split(b"\0", 1)[0],
    )


def read_records(body: bytes, where: str) -> Mapping[str, bytes]:
    """Read the records of a pax header.

    Raises:
        BuildError: when they are malformed or one key is there twice.
    """
    records: dict[str, bytes] = {}
    at = 0
    while at < len(body):
        digits, space, _ = body[at : at + 8].partition(b" ")
        if not space or not digits.isdigit():
            raise BuildError(f"{where}: a pax record has no length")
        end = at + int(digits)
        record = body[at + len(digits) + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if end > len(body) or not record.endswith(b"\n") or not equals or not key.isascii():
            raise BuildError(f"{where}: a pax record is malformed")
        if key.decode() in records:
            raise BuildError(f"{where}: the pax record {key.decode()!r} is there twice")
        records[key.decode()] = value
        at = end
    return records


def _number(field: bytes, where: str) -> int:
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if not digits:
        return 0
    if any(digit not in b"01234567" for digit in digits):
        raise BuildError(f"{where}: {field!r} in a tar header is not an octal number")
    return int(digits, 8)
