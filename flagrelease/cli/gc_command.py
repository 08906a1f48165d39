"""Remove from the store what no bundle folder names: blobs, unpacked images, cut downloads, damaged files.

A bundle folder that was deleted no longer counts. Refuses to run while a build is using the store.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.storage.roots import alone, roots
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.settings import settings
from flagrelease.engines.embedded.rootfs import remove
from flagrelease.report.words import size

All = Annotated[bool, typer.Option("--all", help="Remove the whole store, used or not.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")]
_PASSING = ("partial", "damaged", "tmp")


def gc(dry_run: DryRun = False, everything: All = False) -> None:
    """Print one line for what was removed and how much it was."""
    home = settings().home
    store = FileStore(home)
    with alone(home):
        kept = frozenset(digest for root in roots(home) if not everything for digest in root.digests)
        blobs = [digest for digest in store.blobs() if digest not in kept]
        freed = sum(store.path(digest).stat().st_size for digest in blobs if store.has(digest))
        folders = list(_folders(home, kept))
        freed += sum(f.lstat().st_size for folder in folders for f in (folder, *folder.rglob("*")) if not f.is_dir())
        if not dry_run:
            for digest in blobs:
                store.remove(digest)
            for folder in folders:
                remove(folder)
    verb = "would remove" if dry_run else "removed"
    sys.stdout.write(f"{verb} {len(blobs)} blobs and {len(folders)} folders, {size(freed)}, from {home}\n")


def _folders(home: Path, kept: frozenset[str]) -> Iterator[Path]:
    yield from (home / name for name in _PASSING if (home / name).is_dir() and any((home / name).iterdir()))
    for unpacked in sorted((home / "rootfs").glob("*")):
        if f"sha256:{unpacked.name.partition('.')[0]}" not in kept:
            yield unpacked
