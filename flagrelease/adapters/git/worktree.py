"""A tree written into a folder that is new, or that we made before: whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.place import put_in_place
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


def check_free(folder: Path) -> None:
    """Refuse a folder that is not ours. Raises SourceError."""
    if not os.path.lexists(folder):
        return
    marker = folder / MARKER
    if folder.is_symlink() or not folder.is_dir():
        what = "a symlink" if folder.is_symlink() else "a file"
        raise SourceError(f"wanted a folder at {folder}, found {what}; it stays as it is", hint="name another one")
    if not _is_ours(marker):
        raise SourceError(
            f"{folder} is there, and was not made by `patch apply`: it stays as it is",
            hint="name another folder, or remove this one yourself",
        )


def _is_ours(marker: Path) -> bool:
    try:
        if marker.is_symlink() or marker.stat().st_size > _LARGEST_MARKER:
            return False
        Marker.model_validate_json(marker.read_bytes())
    except (OSError, ValidationError):
        return False
    return True


def write_tree(index: Index, marker: Marker, folder: Path) -> None:
    """Write the files of the index below `folder`, with the marker.

    It is written beside its place and renamed when it is whole. What a killed run left there is removed.

    Raises:
        SourceError: the folder is there and not ours, or git could not write.
    """
    folder = folder.absolute()
    check_free(folder)
    with beside(folder) as made:
        below = made if marker.tree_at == "." else made / marker.tree_at
        below.mkdir(exist_ok=True)
        # As many as there are cores; git itself decides that few files are not worth it.
        index.run(
            "-c", "checkout.workers=0", "checkout-index", "--all", f"--prefix={below}/", wanted=f"writing {folder}"
        )
        if os.path.lexists(made / MARKER):
            raise SourceError(f"the tree has a file {MARKER}, by which our folders are known", hint="rename it")
        (made / MARKER).write_bytes(pretty_json(marker))
        check_free(folder)
        put_in_place(made, folder)


@contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """A folder next to the one that is wanted; gone afterwards unless it was renamed, with the parents made for it.

    What a killed run left there is removed.
    """
    new_parents = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name[:100]}.flagrelease-"
    _sweep(folder.parent, prefix)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    held = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        # mkdtemp's folder is for its maker alone; a checkout is for whom the umask lets in.
        umask = os.umask(0)
        os.umask(umask)
        made.chmod(0o777 & ~umask)
        yield made
    finally:
        os.close(held)
        if made.exists():
            shutil.rmtree(made, ignore_errors=True)
        for parent in new_parents:
            with contextlib.suppress(OSError):
                parent.rmdir()


def _sweep(parent: Path, prefix: str) -> None:
    for stale in [entry for entry in parent.iterdir() if entry.name.startswith(prefix) and entry.is_dir()]:
        with contextlib.suppress(OSError):
            held = os.open(stale, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(stale, ignore_errors=True)
            finally:
                os.close(held)
