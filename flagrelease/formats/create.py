"""Write a new file, whole or not at all, and never over one that is there."""

import contextlib
import os
from pathlib import Path


def create(path: Path, content: bytes) -> None:
    """Write beside `path`, fsync, then give it its name. Raises FileExistsError when the name is taken."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link does not take the place of a file that is there.
        os.link(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
