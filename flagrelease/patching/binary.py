"""The content of binary files in a diff: unpacked only to count, never kept, so that a small patch stays small."""

import base64
import re
import zlib
from typing import Final, NamedTuple

from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import MOST_MADE

BINARY: Final = b"GIT binary patch\n"
_BEGINS: Final = re.compile(rb"(literal|delta) ([0-9]{1,12})\n")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTHS: Final = {letter: number for number, letter in enumerate(_ALPHABET, start=1)}
_GROUP, _LETTERS_OF_A_GROUP = 4, 5
_PIECE: Final = 1 << 20
_HEAD: Final = 32


class Block(NamedTuple):
    """A block: where it ends, how many lines it has, how many bytes it makes."""

    end: int
    lines: int
    made: int


def read_block(data: bytes, at: int, line: int, *, room: int) -> Block | None:
    """The block that begins at `at`; None when there is none. Raises RefusedPatchError."""
    begins = _BEGINS.match(data, at)
    if not begins:
        return None
    size = int(begins[2])
    if size > min(room, MOST_MADE):
        raise RefusedPatchError("bomb", f"a binary file of {size:,} bytes is declared", line=line)
    counter = _Counter(size, line)
    at, lines = begins.end(), 1
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            raise RefusedPatchError("truncated", "it ends within a binary file", line=line)
        lines += 1
        if end == at:
            break
        counter.take(_packed(data[at:end], line))
        at = end + 1
    counter.finish()
    made = counter.result_size if begins[1] == b"delta" else size
    if made > min(room, MOST_MADE):
        raise RefusedPatchError("bomb", f"a delta makes {made:,} bytes", line=line)
    return Block(end + 1, lines, made)


def _packed(text: bytes, line: int) -> bytes:
    count = _LENGTHS.get(text[0], 0)
    letters = -(-count // _GROUP) * _LETTERS_OF_A_GROUP
    if not count or len(text) != letters + 1:
        raise RefusedPatchError("bad-binary", "a line that is not as long as it says", line=line)
    try:
        return base64.b85decode(text[1:])[:count]
    except ValueError as error:
        raise RefusedPatchError("bad-binary", f"a line that is no base 85: {error}", line=line) from error


class _Counter:
    """Unpacks and counts. Keeps only the first bytes, which say what a delta makes."""

    def __init__(self, size: int, line: int) -> None:
        self._size, self._line = size, line
        self._made = 0
        self._head = b""
        self._zlib = zlib.decompressobj()

    def take(self, packed: bytes) -> None:
        while packed or (self._zlib.unconsumed_tail and not self._zlib.eof):
            try:
                piece = self._zlib.decompress(packed, _PIECE)
            except zlib.error as error:
                raise RefusedPatchError("bad-binary", f"it does not unpack: {error}", line=self._line) from error
            self._made += len(piece)
            self._head += piece[: _HEAD - len(self._head)]
            if self._made > self._size:
                what = f"{self._size:,} bytes are declared, and it unpacks to more"
                raise RefusedPatchError("bomb", what, line=self._line)
            packed = self._zlib.unconsumed_tail
            if self._zlib.eof or not piece:
                break

    def finish(self) -> None:
        if not self._zlib.eof or self._zlib.unused_data or self._made != self._size:
            what = f"wanted {self._size:,} bytes, found {self._made:,}"
            raise RefusedPatchError("bad-binary", what, line=self._line)

    @property
    def result_size(self) -> int:
        """What a delta says that it makes: the second of the two numbers it begins with (7 bits a byte)."""
        numbers, value, shift = [], 0, 0
        for byte in self._head:
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                numbers.append(value)
                value = shift = 0
        if len(numbers) < 2:  # noqa: PLR2004 - the sizes of both sides
            raise RefusedPatchError("bad-binary", "a delta without its sizes", line=self._line)
        return numbers[1]
