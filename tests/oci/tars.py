"""Tar archives made block by block, right and wrong ones, without the code under test."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END = bytes(1024)


def block(
    name: bytes,
    *,
    kind: bytes = b"0",
    size: int = 0,
    mode: bytes = b"0000644\0",
    link: bytes = b"",
    size_field: bytes = b"",
    magic: bytes = b"ustar\x0000",
    checksum_off_by: int = 0,
) -> bytes:
    head = bytearray(512)
    head[0 : len(name[:100])] = name[:100]
    head[100:108] = mode
    head[108:124] = b"0000000\0" * 2
    head[124:136] = size_field or b"%011o\0" % size
    head[136:148] = b"00000000000\0"
    head[148:156] = b" " * 8
    head[156:157] = kind
    head[157 : 157 + len(link)] = link
    head[257:265] = magic
    head[148:156] = b"%06o\0 " % (sum(head) + checksum_off_by)
    return bytes(head)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def file(name: bytes, content: bytes = b"", *, mode: bytes = b"0000644\0") -> bytes:
    return block(name, size=len(content), mode=mode) + padded(content)


def folder(name: bytes, *, mode: bytes = b"0000755\0") -> bytes:
    return block(name, kind=b"5", mode=mode)


def symlink(name: bytes, to: bytes) -> bytes:
    return block(name, kind=b"2", link=to)


def hardlink(name: bytes, to: bytes) -> bytes:
    return block(name, kind=b"1", link=to)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    body = b"".join(record(key, value) for key, value in records)
    return raw_pax(body, kind=kind)


def raw_pax(body: bytes, *, kind: bytes = b"x") -> bytes:
    return block(b"pax", kind=kind, size=len(body)) + padded(body)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length += 1
    return b"%d" % length + rest


class MemoryWriter:
    """`ports.BlobWriter` in memory."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self.buffer.write(data)

    def copy_from(self, source: Path) -> int:
        return self.buffer.write(source.read_bytes())

    def tell(self) -> int:
        return self.buffer.tell()

    def commit(self) -> str:
        return ""


@contextmanager
def untouched(folder_: Path) -> Iterator[None]:
    """Fail when anything in the folder, or the folder itself, was changed inside the block."""
    before = snapshot(folder_)
    yield
    assert snapshot(folder_) == before


def snapshot(folder_: Path) -> dict[str, tuple[int, int, int, bytes]]:
    found = {}
    for path in [folder_, *sorted(folder_.rglob("*"))]:
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_mtime_ns, stat.st_nlink, content)
    return found
