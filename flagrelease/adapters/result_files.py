"""Result files on this machine: one, or all below a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from flagrelease.errors import RecipeError

FILE_LIMIT: Final = 5000
"""Files below a folder; a run of a harness has some hundred."""

_DEPTH: Final = 10


class ResultFiles:
    """`ingest.sources.Files`. Links are not followed out of the folder; what is no ordinary file is left out."""

    def __init__(self, path: Path) -> None:
        self.title = str(path)
        self._path = path
        if path.is_file():
            self.names: Sequence[str] = (path.name,)
            self._path = path.parent
        elif path.is_dir():
            self.names = tuple(sorted(_below(path)))
        else:
            raise RecipeError(
                f"{path}: wanted a file or a folder of results, found {'something else' if path.exists() else 'none'}"
            )

    def open(self, name: str) -> BinaryIO:
        """The bytes of one of `names`."""
        return (self._path / name).open("rb")


def _below(root: Path) -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            one for one in folders if not one.startswith(".") and len(here.relative_to(root).parts) < _DEPTH
        )
        for name in files:
            path = here / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                found.append(path.relative_to(root).as_posix())
        if len(found) > FILE_LIMIT:
            raise RecipeError(
                f"{root}: wanted at most {FILE_LIMIT:,} files of results, found more",
                hint="name the folder of one run",
            )
    return found
