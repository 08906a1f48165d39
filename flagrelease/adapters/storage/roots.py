"""Which bundles use the store: a bundle's folder registers itself, and what its records name is kept."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flagrelease.adapters.storage.cache_tag import mark
from flagrelease.adapters.storage.disk import writing
from flagrelease.adapters.storage.locks import is_at
from flagrelease.domain.image import BuildContext, Image
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Digest, Value
from flagrelease.errors import ToolError
from flagrelease.stages import ORDER

_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_IN_USE = "in-use"
RUNS = "runs"
"""Below the store: logs of images that run without a bundle's folder."""

V = TypeVar("V", bound=Value)


@dataclass(frozen=True, kw_only=True)
class Root:
    """A bundle's folder and what its finished stages name.

    `digests` is every SHA-256 in any record. `fetched` is what `fetch` brought, and `needed` is that and what `render`
    and `build` made: all of it has to be in the store. `image` is the image that was built, if there is one.
    """

    folder: Path
    digests: frozenset[Digest]
    fetched: frozenset[Digest]
    needed: frozenset[Digest]
    image: Image | None

    def unfinish(self) -> None:
        """Take back that files were rendered and the image built, so that the next build makes and links them anew."""
        for stage in ("build", "render"):
            _record(self.folder, stage).unlink(missing_ok=True)


@contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Keep `alone` out while blobs are made that no record names yet. Any number of processes may hold this."""
    with _held(home, fcntl.LOCK_SH):
        with writing(home, 0):
            mark(home)
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


def remove_locks(home: Path) -> None:
    """Remove every lock file, the one of `alone` last; the caller holds it, and nothing else of the store is left."""
    folder = home / "locks"
    for path in folder.iterdir():
        if path.name != _IN_USE:
            path.unlink()
    # From here on a build may begin: what it makes is not touched.
    (folder / _IN_USE).unlink()
    with suppress(OSError):
        folder.rmdir()


@contextmanager
def _held(home: Path, how: int) -> Iterator[None]:
    descriptor = _locked(home / "locks" / _IN_USE, how)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path, how: int) -> int:
    while True:
        with writing(path, 0):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # `gc --all` removed the folder in between
        try:
            fcntl.flock(descriptor, how)
            if is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def register(home: Path, folder: Path) -> None:
    """Note that this bundle's folder uses the store."""
    place = home / "roots" / hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.fsencode(folder.absolute()))


def roots(home: Path) -> Iterator[Root]:
    """Every registered folder that still exists."""
    for _, folder in _registered(home):
        if folder.is_dir():
            yield _root(folder)


def forget_gone(home: Path) -> None:
    """Remove the registrations of folders that no longer exist."""
    for place, folder in list(_registered(home)):
        if not folder.is_dir():
            place.unlink()


def _registered(home: Path) -> Iterator[tuple[Path, Path]]:
    for place in sorted((home / "roots").glob("*")):
        yield place, Path(os.fsdecode(place.read_bytes()))


def _root(folder: Path) -> Root:
    found: set[Digest] = set()
    for record in (*folder.glob("*/done.json"), *folder.glob("*/lock.json")):
        found.update(f"sha256:{digits.decode()}" for digits in _HEX.findall(record.read_bytes()))
    sources, context, image = (
        _value(folder, "fetch", Sources),
        _value(folder, "render", BuildContext),
        _value(folder, "build", Image),
    )
    fetched = frozenset(sources.stored() if sources else ())
    made = (digest for value in (context, image) if value for digest in value.stored())
    return Root(folder=folder, digests=frozenset(found), fetched=fetched, needed=fetched.union(made), image=image)


def _record(folder: Path, stage: str) -> Path:
    return folder / f"{ORDER.index(stage) + 1}-{stage}" / "done.json"


def _value(folder: Path, stage: str, kind: type[V]) -> V | None:
    try:
        record = json.loads(_record(folder, stage).read_bytes())
        return kind.model_validate_json(json.dumps(record["value"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # Damaged, or of another version: the stage's key is another one then, and the next build does it again.
        return None
