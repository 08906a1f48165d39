"""What a program says, line by line as it comes; a progress bar's rewritten line counts as lines."""

import re
from collections.abc import Iterator, Sequence
from typing import IO, Final

STRUCK: Final = b"***"
"""Stands in a log where a secret stood."""

_LONGEST: Final = 1 << 16
_BLOCK: Final = 1 << 13
_END: Final = re.compile(rb"\r\n|\n|\r")


def lines_of(stream: IO[bytes], secrets: Sequence[bytes] = ()) -> Iterator[bytes]:
    """Each line with a line feed at its end, secrets struck out. A line without an end is cut at 64 KiB.

    What may be the beginning of a secret is held back at a cut, so that none is told in two halves.
    """
    held = max(map(len, secrets), default=1) - 1
    rest = b""
    while block := _read(stream):
        if rest and not _END.search(block) and len(rest) + len(block) <= _LONGEST:
            # Nothing ends here: to look through it all again, byte by byte as it comes, would take for ever.
            rest += block
            continue
        *whole, rest = _END.split(rest + block)
        yield from (struck(line, secrets) + b"\n" for line in whole)
        if len(rest) > _LONGEST:
            # Whole secrets first: a cut could go through the middle of one.
            rest = struck(rest, secrets)
            kept = len(rest) - held
            yield rest[:kept] + b"\n"
            rest = rest[kept:]
    if rest:
        yield struck(rest, secrets) + b"\n"


def _read(stream: IO[bytes]) -> bytes:
    """What is there now, at least one byte; empty at the end."""
    found: bytes = stream.read1(_BLOCK) if hasattr(stream, "read1") else stream.read(_BLOCK)
    return found


def struck(text: bytes, secrets: Sequence[bytes]) -> bytes:
    """The text with every secret struck out, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    return text
