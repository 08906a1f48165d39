"""Where a bundle's run lies."""

from pathlib import Path

from flagrelease.cli.settings import Settings
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.formats.canonical import sha256_of

_LOCK_DIGITS = 8


def bundle_folder(settings: Settings, lock: Lock | PartialLock, *, rehearsal: bool = False) -> Path:
    """`out/<bundle>-<first digits of the lock's hash>`, with `-rehearsal` behind it for one."""
    return settings.out / f"{lock.bundle}-{sha256_of(lock)[:_LOCK_DIGITS]}{'-rehearsal' if rehearsal else ''}"
