"""Records out of bytes that are held already: what a stage has just written, or read to compare its hash."""

import io
from collections.abc import Sequence
from typing import BinaryIO

from flagrelease.domain.answers import Record
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources


class _Held:
    """One file's bytes, as the files of a side."""

    def __init__(self, name: str, content: bytes) -> None:
        self.title = name
        self.names: Sequence[str] = (name,)
        self._content = content

    def open(self, name: str) -> BinaryIO:
        """The bytes."""
        assert name == self.title
        return io.BytesIO(self._content)


def records_in(name: str, content: bytes) -> tuple[Record, ...]:
    """The records of one file: whatever `flagrelease gate` reads. Raises RecipeError with the file's name."""
    return records_of(Sources(_Held(name, content)))
