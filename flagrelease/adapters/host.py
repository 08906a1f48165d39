"""This machine: processor, memory, disk, container engines, and the chips that their own programs list."""

import os
import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import psutil

from flagrelease.adapters.process import run_program
from flagrelease.domain.chip import MACHINES, Chip
from flagrelease.domain.host import FoundChip, FoundEngine, Host
from flagrelease.errors import ToolError

_ENGINES = (("podman", ("podman", "version")),)
_PATIENCE_S = 10.0


def look(home: Path, chips: Iterable[Chip]) -> Host:
    """What this machine has. Asks programs that are there, changes nothing."""
    folder = next(p for p in (home, *home.parents) if p.exists())
    return Host(
        machine=platform.machine(),
        architecture=MACHINES.get(platform.machine()),
        cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        disk_folder=str(folder),
        disk_free_bytes=shutil.disk_usage(folder).free,
        engines=tuple(_engine(name, argv) for name, argv in _ENGINES if shutil.which(argv[0])),
        chips=tuple(found for chip in chips if (found := _chip(chip)) is not None),
    )


def _engine(name: str, argv: tuple[str, ...]) -> FoundEngine:
    try:
        done = run_program(argv, log=None, timeout_s=_PATIENCE_S)
    except ToolError as error:
        return FoundEngine(name=name, answers=False, said=error.message)
    lines = done.tail.strip().splitlines()
    return FoundEngine(name=name, answers=done.returncode == 0, said=lines[-1] if lines else "")


def _chip(chip: Chip) -> FoundChip | None:
    program = _program(chip)
    if chip.smi is None or program is None:
        return None
    try:
        done = run_program((program, *chip.smi.command[1:]), log=None, timeout_s=_PATIENCE_S)
    except ToolError as error:
        return FoundChip(chip=chip.name, program=program, answers=False, said=error.message, devices=_devices(chip))
    driver = re.search(chip.smi.driver, done.stdout) if chip.smi.driver else None
    lines = done.tail.strip().splitlines()
    return FoundChip(
        chip=chip.name,
        program=program,
        answers=done.returncode == 0,
        said=lines[-1] if lines else "",
        driver=driver[1] if driver and driver.groups() else None,
        devices=_devices(chip),
    )


def _program(chip: Chip) -> str | None:
    if chip.smi is None:
        return None
    known = (str(path) for path in chip.smi.paths if os.access(path, os.X_OK))
    return shutil.which(chip.smi.command[0]) or next(known, None)


def _devices(chip: Chip) -> int:
    """How many dies have a node below /dev."""
    raw = chip.container.raw if chip.container else None
    numbered = [device for device in raw.devices if "{die}" in device] if raw else []
    if not numbered:
        return 0
    count = 0
    while Path(numbered[0].replace("{die}", str(count))).exists():
        count += 1
    return count
