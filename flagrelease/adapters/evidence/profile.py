"""The machine that evidence is made on: what of it may change an answer, and stays the same while it is measured."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from flagrelease.adapters.host import look
from flagrelease.domain.chip import Chip
from flagrelease.domain.packed import HostProfile


def host_profile(home: Path, chips: Iterable[Chip]) -> HostProfile:
    """This machine, with the drivers that its chips' own programs show. No name of it, and nothing of its disks."""
    found = look(home, chips)
    return HostProfile(
        machine=found.machine,
        architecture=found.architecture,
        system=_system(),
        kernel=platform.release() or "unknown",
        cores=found.cores,
        memory_bytes=found.memory_bytes,
        engines=found.engines,
        chips=found.chips,
    )


def _system() -> str:
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return os.uname().sysname
    return facts.get("PRETTY_NAME") or facts.get("ID") or os.uname().sysname
