"""This machine, looked at for one image: its devices, its driver, its memory and room."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from flagrelease.adapters.process import run_program
from flagrelease.domain.chip import MACHINES
from flagrelease.domain.run_spec import Listing
from flagrelease.errors import ToolError
from flagrelease.planning.run_fit import RunHost

_PATIENCE_S = 10.0
_LOOKED_THROUGH = 65536
_FIND = "import re, sys; found = re.search(sys.argv[1], sys.stdin.read()); sys.stdout.write(found[1] if found else '')"


def look_for(
    listing: Listing | None,
    *,
    devices: Iterable[str],
    mounts: Iterable[str],
    home: Path,
    port_taken: str,
    engine: tuple[str, str],
) -> RunHost:
    """What this machine has of what an image wants. Asks the listing program where it is there; changes nothing."""
    folder = next(path for path in (home, *home.parents) if path.exists())
    program = _program(listing)
    answers, said, driver = _asked(program, listing) if program and listing else (False, "", None)
    return RunHost(
        machine=platform.machine(),
        architecture=MACHINES.get(platform.machine()),
        memory=psutil.virtual_memory().total,
        room=shutil.disk_usage(folder).free,
        room_at=str(folder),
        missing_devices=tuple(path for path in devices if not Path(path).exists()),
        missing_mounts=tuple(path for path in mounts if not Path(path).exists()),
        program=program,
        answers=answers,
        said=said,
        driver=driver,
        port_taken=port_taken,
        engine=engine,
    )


def _program(listing: Listing | None) -> str | None:
    if listing is None:
        return None
    known = (str(path) for path in listing.paths if os.access(path, os.X_OK))
    return shutil.which(listing.program) or next(known, None)


def _asked(program: str, listing: Listing) -> tuple[bool, str, str | None]:
    try:
        done = run_program((program, *listing.arguments), log=None, timeout_s=_PATIENCE_S)
    except ToolError as error:
        return False, error.message, None
    lines = done.tail.strip().splitlines()
    said = lines[-1] if lines else ""
    return done.returncode == 0, said, found_in(done.stdout, listing.driver) if listing.driver else None


def found_in(text: str, pattern: str, *, within_s: float = _PATIENCE_S) -> str | None:
    """What a pattern of somebody else's finds. In a process that can be ended: a pattern may look for ever."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _FIND, pattern],
            input=text[:_LOOKED_THROUGH],
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout[:60] or None
