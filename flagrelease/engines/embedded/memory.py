"""The memory of a server's processes: what `memory_probe: process_tree` of a chip means."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

_PAGE_FOLDERS = ("dev/shm", "tmp")


def memory_of(pids: Sequence[int], *, proc: Path = Path("/proc")) -> int:
    """Bytes of memory that these processes of one container hold now.

    The sum of their proportional set sizes (`Pss` of smaps_rollup, proc(5): a page shared by n processes counts 1/n in
    each), and what lies in the container's own `/dev/shm` and `/tmp`. A page of these that is also mapped counts twice:
    the figure may be too high, never too low. A process that ends meanwhile counts as nothing.
    """
    return sum(_pss(proc / str(pid)) for pid in pids) + _in_memory_files(proc, pids)


def _pss(process: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _in_memory_files(proc: Path, pids: Sequence[int]) -> int:
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = [os.statvfs(proc / str(pid) / "root" / folder) for folder in _PAGE_FOLDERS]
            return sum((each.f_blocks - each.f_bfree) * each.f_frsize for each in found)
    return 0
