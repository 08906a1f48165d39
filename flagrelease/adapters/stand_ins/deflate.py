"""Gzip without compression: a compressor's output differs between its versions, and with it every digest."""

import struct
import zlib
from typing import Final

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_BLOCK: Final = 0xFFFF


def stored_gzip(content: bytes) -> bytes:
    """The content as a gzip file (RFC 1952) of stored blocks (RFC 1951), without name or time."""
    blocks = [content[at : at + _BLOCK] for at in range(0, len(content), _BLOCK)] or [b""]
    out = [_HEADER]
    for number, block in enumerate(blocks, start=1):
        out.append(struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ _BLOCK) + block)
    out.append(struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF))
    return b"".join(out)
