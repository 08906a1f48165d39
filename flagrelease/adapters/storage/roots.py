"""Which bundles use the store: a bundle's folder registers itself, and what its records name is kept."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.domain.value import Digest
from flagrelease.errors import ToolError

_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, kw_only=True)
class Root:
    """A bundle's folder and every digest that its finished stages name."""

    folder: Path
    digests: frozenset[Digest]

    @property
    def name(self) -> str:
        """The bundle's name and lock digits, as its folder is called."""
        return self.folder.name


@contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Keep `alone` out while blobs are made that no record names yet. Any number of processes may hold this."""
    with _held(home, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Keep every build out. Raises ToolError when one is running."""
    try:
        with _held(home, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError as error:
        raise ToolError(
            f"a build is using the store `{home}`", hint="wait until it is done, then run the same command again"
        ) from error


@contextmanager
def _held(home: Path, how: int) -> Iterator[None]:
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def register(home: Path, folder: Path) -> None:
    """Note that this bundle's folder uses the store."""
    place = home / "roots" / hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.fsencode(folder.absolute()))


def roots(home: Path) -> Iterator[Root]:
    """Every registered folder that still exists; a registration whose folder has gone is removed."""
    for place in sorted((home / "roots").glob("*")):
        folder = Path(os.fsdecode(place.read_bytes()))
        if not folder.is_dir():
            place.unlink()
            continue
        found: set[Digest] = set()
        for record in (*folder.glob("*/done.json"), *folder.glob("*/lock.json")):
            found.update(f"sha256:{digits.decode()}" for digits in _HEX.findall(record.read_bytes()))
        yield Root(folder=folder, digests=frozenset(found))
