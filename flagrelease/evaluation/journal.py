"""Answered items on disk, line by line, so that a long evaluation that was cut off is taken up where it stopped."""

import os
from pathlib import Path

from pydantic import ValidationError

from flagrelease.errors import SourceError
from flagrelease.evaluation.ask import Answered


class Journal:
    """A file whose first line says what the answers belong to; every further line is one answered item."""

    def __init__(self, path: Path, *, belongs_to: str) -> None:
        self._path = path
        self._belongs_to = belongs_to

    def read(self) -> dict[str, Answered]:
        """The items answered so far by id. A last line that was cut off is removed from the file.

        Raises:
            SourceError: the journal belongs to something else, or a whole line in it is not an answered item.
        """
        if not self._path.exists():
            return {}
        *whole, cut = self._path.read_bytes().split(b"\n")
        if cut:
            os.truncate(self._path, sum(len(line) + 1 for line in whole))
        if whole and whole[0] != self._belongs_to.encode():
            raise SourceError(
                f"`{self._path}` is the journal of another evaluation: wanted "
                f"{self._belongs_to}, found {whole[0][:200].decode(errors='replace')}",
                hint=f"delete `{self._path}` to start again",
            )
        try:
            answered = [Answered.model_validate_json(line) for line in whole[1:]]
        except ValidationError as error:
            raise SourceError(
                f"`{self._path}`: wanted answered items, found {error.error_count()} faults in one",
                hint=f"delete `{self._path}` to start again",
            ) from error
        return {record.item.id: record for record in answered}

    def keep(self, record: Answered) -> None:
        """Append one answered item."""
        with self._path.open("ab") as file:
            if file.tell() == 0:
                file.write(self._belongs_to.encode() + b"\n")
            file.write(record.model_dump_json().encode() + b"\n")

    def remove(self) -> None:
        """Delete the file, when its evaluation is whole and recorded elsewhere."""
        self._path.unlink(missing_ok=True)
