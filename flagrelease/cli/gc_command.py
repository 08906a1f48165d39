"""Remove from the store what no bundle folder names: blobs, unpacked images, mirrors, harnesses, cut downloads.

Damaged files go too, and what evaluations that were cut off have kept.

A bundle folder that was deleted no longer counts. Refuses to run while a build is using the store.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from flagrelease.adapters.harnesses.environments import FOLDER as HARNESSES
from flagrelease.adapters.harnesses.runner import FOLDER as EVALUATIONS
from flagrelease.adapters.mirrors.care import mirror_folders, needed
from flagrelease.adapters.mirrors.mirrors import FOLDER as MIRRORS
from flagrelease.adapters.patches.checks import FOLDER as PATCH_CHECKS
from flagrelease.adapters.recipes.cache import FILE as PARSED_RECIPES
from flagrelease.adapters.storage.cache_tag import is_marked, unmark
from flagrelease.adapters.storage.disk import remove
from flagrelease.adapters.storage.kernel_wheels import FOLDER as KERNELS
from flagrelease.adapters.storage.port_lease import FOLDER as PORTS
from flagrelease.adapters.storage.roots import RUNS, alone, forget_gone, remove_locks, roots
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.settings import settings
from flagrelease.domain.value import Digest
from flagrelease.engines.embedded.kept_layers import FOLDER as LAYERS
from flagrelease.errors import ToolError
from flagrelease.report.words import size

All = Annotated[bool, typer.Option("--all", help="Remove the whole store, used or not.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")]
_PASSING = ("partial", "damaged", "tmp", RUNS, PORTS)
_BLOBS = ("blobs", "seen")
"""The folders of blobs and of what was noted of them."""

_NOTES = (KERNELS, LAYERS)
"""Folders of small records that name blobs: a layer or a wheel by the hash of what it was made of."""

_NAMED = re.compile(rb"sha256:([0-9a-f]{64})")
_OURS = (
    "roots",
    "rootfs",
    "apt",
    *_PASSING,
    "fsck.jsonl",
    PARSED_RECIPES,
    PATCH_CHECKS,
    MIRRORS,
    HARNESSES,
    EVALUATIONS,
    *_NOTES,
)
"""What a store holds beside its blobs, its tag and its locks; what else lies there is somebody else's."""


class Doomed(NamedTuple):
    """What is to go: blobs one by one, or with their folders if those are named, the rest as files or folders."""

    blobs: list[Digest]
    paths: list[Path]
    folders: list[Path]
    size: int


def gc(dry_run: DryRun = False, everything: All = False) -> None:
    """Print one line for what was removed and how much it was."""
    home = settings().home
    store = FileStore(home)
    if not _is_store(home):
        _print(Doomed([], [], [], 0), home, dry_run=dry_run)
        return
    with alone(home):
        doomed = _all(home, store) if everything else _unneeded(home, store)
        if not dry_run:
            for digest in () if doomed.folders else doomed.blobs:
                store.remove(digest)
            for path in (*doomed.paths, *doomed.folders):
                remove(path)
            forget_gone(home)
        if everything and not dry_run:
            unmark(home)
            remove_locks(home)
    _print(doomed, home, dry_run=dry_run)


def _is_store(home: Path) -> bool:
    """Whether there is anything at all; raises ToolError when it is not a store's."""
    there = {path.name for path in home.iterdir()} if home.is_dir() else set()
    if there - {"locks"} and not is_marked(home):
        raise ToolError(
            f"`{home}` is not a store of flagrelease: its CACHEDIR.TAG is not there or is another program's",
            hint="set FLAGRELEASE_HOME to the store's folder; a build writes the tag of a store that has lost it",
        )
    return bool(there)


def _unneeded(home: Path, store: FileStore) -> Doomed:
    users = [(root, needed(home, root.folder)) for root in roots(home)]
    kept = frozenset(digest for root, sources in users for digest in root.digests | sources.digests)
    mirrors = frozenset(name for _, sources in users for name in sources.folders)
    blobs = [digest for digest in store.blobs() if digest not in kept]
    paths = [*_leftovers(home, kept), *(path for path in mirror_folders(home) if path.name not in mirrors)]
    return Doomed(blobs, paths, [], sum(store.size(digest) for digest in blobs) + _bytes(paths))


def _leftovers(home: Path, kept: frozenset[Digest]) -> Iterator[Path]:
    yield from (home / name for name in _PASSING if (home / name).is_dir() and any((home / name).iterdir()))
    for unpacked in sorted((home / "rootfs").glob("*")):
        if f"sha256:{unpacked.name.partition('.')[0]}" not in kept:
            yield unpacked
    # An environment is called by the hash of its lock, which is in the lock of every bundle that uses it.
    for made in sorted((home / HARNESSES).glob("*")):
        if f"sha256:{made.name.partition('-')[0].partition('.')[0]}" not in kept:
            yield made
    for note in (path for folder in _NOTES for path in sorted((home / folder).glob("*"))):
        named = _NAMED.findall(note.read_bytes())
        if not named or not all(f"sha256:{digits.decode()}" in kept for digits in named):
            yield note
    # No build is running, so what is kept of evaluations is of runs that were cut off and not taken up.
    yield from sorted((home / EVALUATIONS).glob("*"))


def _all(home: Path, store: FileStore) -> Doomed:
    paths, folders = ([home / name for name in names if os.path.lexists(home / name)] for names in (_OURS, _BLOBS))
    return Doomed(list(store.blobs()), paths, folders, _bytes((*paths, *folders)))


def _bytes(paths: Iterable[Path]) -> int:
    return sum(file.lstat().st_size for path in paths for file in (path, *path.rglob("*")) if not file.is_dir())


def _print(doomed: Doomed, home: Path, *, dry_run: bool) -> None:
    verb = "would remove" if dry_run else "removed"
    counts = f"{len(doomed.blobs)} blobs and {len(doomed.paths)} other files and folders"
    sys.stdout.write(f"{verb} {counts}, {size(doomed.size)}, from {home}\n")
