"""Reads recipe folders in a process of its own, and prints as JSON what came of it.

`python -m tests.recipes.read_recipes FOLDER …`: for each folder the messages by file, and the most processor seconds
that one file took; and the peak memory of the process.
"""

import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.reading import Reader
from flagrelease.domain.bundle import Bundle
from flagrelease.errors import RecipeError

_HERE = Path()


def main(folders: list[str]) -> None:
    """Read each folder twice: all of it, and one file after the other."""
    read = {folder: _read(folder) for folder in folders}
    sys.stdout.write(json.dumps({"folders": read, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """Not getrusage: that one starts with the peak of the process that forked this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) / 1024


def _read(folder: str) -> dict[str, object]:
    os.chdir(folder)
    slowest = max((_seconds(path, kind) for path, kind in Catalogue(_HERE).files()), default=(0.0, ""))
    everything = Catalogue(_HERE).everything()
    messages = {found.path: found.faults for found in everything.unreadable}
    return {"messages": messages, "slowest": slowest, "files": len(list(Catalogue(_HERE).files()))}


def _seconds(path: Path, kind: type) -> tuple[float, str]:
    begin = time.process_time()
    with contextlib.suppress(RecipeError):
        Reader(_HERE).value(path, kind, within="variants" if kind is Bundle else "")
    return time.process_time() - begin, str(path)


main(sys.argv[1:])
