"""Baselines onto the disk: records first, then what is about the statement, and the statement last, in one rename."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flagrelease.adapters.recipes.baselines import DIGITS, SIGNATURE, WITHDRAWN, HeldBaseline
from flagrelease.adapters.storage.disk import writing
from flagrelease.adapters.storage.place import turn
from flagrelease.domain.answers import Record
from flagrelease.domain.baseline import BaselineStatement, RecordFile, Withdrawal
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import canonical_json, pretty_json
from flagrelease.formats.create import create
from flagrelease.formats.durable import write_durably
from flagrelease.sealing.detached import DetachedSignature, SigningKey, sign

_RECORD_DIGITS: Final = 12
_KEY_DIGITS: Final = 8


def record_lines(record: Record) -> bytes:
    """The record as JSON lines: its facts, then an item a line, so that a changed answer is one changed line.

    What is as it is by default is left out of items: some 100 bytes each.
    """
    file = record.as_file()
    facts = file.model_dump(mode="json", by_alias=True, exclude={"items"})
    rows = (item.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for item in file.items or ())
    return b"".join(canonical_json(row) + b"\n" for row in (facts, *rows))


@contextmanager
def changing_baselines(path: Path) -> Iterator[None]:
    """Be the only one who changes the baselines of this model; waits for others."""
    with turn(path.parent):
        yield


class NewRecords:
    """Records for the folder of the baseline at `path`: each has its name, and nothing is written yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.with_suffix("")
        self._new: dict[Path, bytes] = {}

    def add(self, task: str, record: Record) -> RecordFile:
        """One more. The same record again is the same file."""
        assert record.answers is not None
        data = record_lines(record)
        digest = hashlib.sha256(data).hexdigest()
        name = f"{re.sub(r'[^a-z0-9._-]', '-', task)}-{digest[:_RECORD_DIGITS]}.jsonl"
        self._new[self.folder / name] = data
        return RecordFile(path=f"{self.folder.name}/{name}", sha256=digest, answers=len(record.answers))

    def write(self) -> None:
        """Write them."""
        self.folder.mkdir(exist_ok=True)
        for path, data in self._new.items():
            _put(path, data)


def put_statement(
    new: NewRecords, statement: BaselineStatement, *, before: HeldBaseline | None, signer: SigningKey | None
) -> bytes:
    """Write the records; give the statement its name, after what was called so was kept and the new one signed.

    Returns its bytes.
    """
    data = pretty_json(statement)
    path, folder = new.path, new.folder
    new.write()
    if before is not None:
        _put(folder / f"{before.about}.json", before.data)
    if signer is not None:
        _put_signature(folder, sign("flagrelease.baseline", statement.name, data, signer))
    with writing(path, len(data)):
        write_durably(path, data)
    return data


def withdraw(held: HeldBaseline, withdrawal: Withdrawal) -> Path:
    """Write beside the baseline that it is withdrawn. Raises RecipeError when that was said already, and otherwise."""
    path = held.folder / f"{held.about}{WITHDRAWN}"
    held.folder.mkdir(exist_ok=True)
    _put(path, pretty_json(withdrawal))
    return path


def add_signature(held: HeldBaseline, signer: SigningKey) -> None:
    """Sign the baseline as it is."""
    held.folder.mkdir(exist_ok=True)
    _put_signature(held.folder, sign("flagrelease.baseline", held.name, held.data, signer))


def _put_signature(folder: Path, signature: DetachedSignature) -> None:
    mark = hashlib.sha256(signature.key.encode()).hexdigest()[:_KEY_DIGITS]
    _put(folder / f"{signature.sha256[:DIGITS]}-{mark}{SIGNATURE}", pretty_json(signature))


def _put(path: Path, data: bytes) -> None:
    """A file that is there with these bytes stays; one with others is not overwritten."""
    if path.exists():
        if path.read_bytes() == data:
            return
        raise RecipeError(
            f"{path} is there already, and says something else", hint="nothing is overwritten: move it away first"
        )
    with writing(path, len(data)):
        create(path, data)
