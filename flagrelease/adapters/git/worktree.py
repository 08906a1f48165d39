"""A tree written into a folder that is new, or that we made before: whole or not at all."""

import os
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.left_in_folder import Before, check_unedited
from flagrelease.adapters.git.run import git, well
from flagrelease.adapters.storage.place import beside, put_in_place, sweep, turn
from flagrelease.domain.patch_series import CommitId, TreeId
from flagrelease.domain.value import Name, Sha256, Text, Value
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json

MARKER: Final = ".flagrelease-patched.json"
_LARGEST_MARKER: Final = 65536


class Marker(Value):
    """What says that a folder is ours, and what is in it. `tree_at`: the folder below it that has the tree."""

    schema_: str = Field(alias="schema", pattern=r"^flagrelease\.patched/v1$")
    component: Name
    base: CommitId
    chip: Name
    series: Sha256
    tree: TreeId
    tree_at: Text = "."


def check_free(folder: Path) -> Marker | None:
    """Refuse a folder that is not ours. Returns the marker of one that is. Raises SourceError."""
    if not os.path.lexists(folder):
        return None
    if folder.is_symlink() or not folder.is_dir():
        what = "a symlink" if folder.is_symlink() else "a file"
        raise SourceError(f"wanted a folder at {folder}, found {what}; it stays as it is", hint="name another one")
    marker = _marker(folder / MARKER)
    if marker is None:
        raise SourceError(
            f"{folder} is there, and was not made by `patch apply`: it stays as it is",
            hint="name another folder, or remove this one yourself",
        )
    return marker


def _marker(path: Path) -> Marker | None:
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST_MARKER:
            return None
        return Marker.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_tree(index: Index, marker: Marker, folder: Path, *, force: bool = False) -> None:
    """Write the files of the index below `folder`, with the marker.

    It is written beside its place and renamed when it is whole. What a killed run left there is removed.

    Args:
        index: What is written.
        marker: What is said of it.
        folder: Where to.
        force: Replace a folder of ours even where somebody edited it.

    Raises:
        SourceError: the folder is there and not ours, was edited, or git could not write.
    """
    folder = folder.absolute()
    check_free(folder)
    with beside(folder) as (made, lock):
        with turn(folder.parent):
            sweep(folder)
        _write_below(index, marker, made, lock, f"writing {folder}")
        with turn(folder.parent):
            there = check_free(folder)
            if there and not force:
                check_unedited(index, folder, Before(there.tree, there.tree_at, MARKER), marker.tree)
            put_in_place(made, folder)


def _write_below(index: Index, marker: Marker, made: Path, lock: int, wanted: str) -> None:
    below = made if marker.tree_at == "." else made / marker.tree_at
    below.mkdir(exist_ok=True)
    # As many workers as there are cores; git itself decides that few files are not worth it.
    argv = ("-c", "checkout.workers=0", "checkout-index", "--all", f"--prefix={below}/")
    # It keeps the lock where it outlives us: nobody removes a folder that is still written to.
    well(git(*argv, at=index.folder, extra=index.environment, descriptors=[lock]), wanted)
    if os.path.lexists(made / MARKER):
        raise SourceError(f"the tree has a file {MARKER}, by which our folders are known", hint="rename it")
    (made / MARKER).write_bytes(pretty_json(marker))
