"""What is sent to a registry, without holding it in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20
"""Bytes that are held in memory at a time."""


class Body(Protocol):
    """What is sent: its length in bytes, and its content as often as it is asked for."""

    def __len__(self) -> int:
        """Bytes."""

    def __iter__(self) -> Iterator[bytes]:
        """The content from its start."""


class FileBody:
    """A file as a body: read again from its start for each attempt, 1 MiB at a time."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self._path = path
        self._progress = progress
        self._size = path.stat().st_size
        self.sent = 0
        """Bytes that left, repeats included."""

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        with self._path.open("rb", buffering=0) as file:
            while piece := file.read(CHUNK):
                yield piece
                done += len(piece)
                self.sent += len(piece)
                self._progress(done)


class BytesBody:
    """A few bytes as a body."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.sent = 0
        """Bytes that left, repeats included."""

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        self.sent += len(self._content)
