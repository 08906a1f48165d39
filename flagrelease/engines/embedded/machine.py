"""What a running server was started as, and the machine it runs on, as the kernel tells."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from flagrelease.domain.evalrun import HostFacts

_LIMIT = 1 << 20


def started_as(pid: int) -> tuple[Sequence[str], Mapping[str, str]]:
    """Command and environment of a process (proc(5)); empty when it has ended, or may not be looked into."""
    try:
        words = [word.decode("utf-8", "replace") for word in _parts(pid, "cmdline")]
        pairs = [part.decode("utf-8", "replace").partition("=") for part in _parts(pid, "environ")]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return (), {}
    return words, {name: value for name, equals, value in pairs if equals}


def _parts(pid: int, name: str) -> list[bytes]:
    with Path(f"/proc/{pid}/{name}").open("rb") as file:
        return [part for part in file.read(_LIMIT).split(b"\0") if part]


def host_facts(cpuinfo: Path = Path("/proc/cpuinfo")) -> HostFacts:
    """This machine. The processor's name is where the kernel has it; not every architecture has one."""
    return HostFacts(
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(cpuinfo),
        cores=os.cpu_count() or 1,
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def _cpu(cpuinfo: Path) -> str | None:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    named = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return next((" ".join(text.split())[:200] for text in named if text.strip()), None)
