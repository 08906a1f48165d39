"""Look at this machine: user namespaces, Debian mirrors, the store's disk."""

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.debian_archive import mirrors
from flagrelease.cli.settings import Settings, settings
from flagrelease.engines.embedded.engine import MACHINES, EmbeddedEngine
from flagrelease.errors import ToolError
from flagrelease.report.words import size

_WANTED_BYTES = 2_000_000_000


def doctor() -> None:
    """Print one line a finding; exit with 10 when something is missing."""
    chosen = settings()
    looks: dict[str, Callable[[Settings], str]] = {
        "user namespaces": _namespaces,
        "Debian mirrors": _mirrors,
        "room for the store": _room,
    }
    problems = 0
    for name, look in looks.items():
        try:
            sys.stdout.write(f"ok       {name}: {look(chosen)}\n")
        except ToolError as error:
            problems += 1
            sys.stdout.write(f"missing  {name}: {error.message}\n         hint: {error.hint}\n")
    if problems:
        raise ToolError(f"{problems} of {len(looks)} things that a build needs are missing here")


def _namespaces(chosen: Settings) -> str:
    architecture = MACHINES.get(platform.machine())
    if architecture is None:
        raise ToolError(f"this machine is {platform.machine()}", hint=f"images are run on {', '.join(MACHINES)}")
    EmbeddedEngine(FileStore(chosen.home), chosen.home).check(architecture)
    return "allowed, images can be run"


def _mirrors(chosen: Settings) -> str:
    found = mirrors("debian", etc=Path("/etc/apt"), environ=chosen.environ)
    return f"{len(found)} known to this machine"


def _room(chosen: Settings) -> str:
    folder = next(p for p in (chosen.home, *chosen.home.parents) if p.exists())
    free = shutil.disk_usage(folder).free
    if free < _WANTED_BYTES:
        raise ToolError(
            f"`{folder}` has {size(free)} free, a bundle takes up to {size(_WANTED_BYTES)}",
            hint="make room there, or set FLAGRELEASE_HOME to a folder on another disk",
        )
    return f"{size(free)} free in `{folder}`"
