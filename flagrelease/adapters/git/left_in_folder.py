"""Whether a folder that we wrote is still as we wrote it: its files, by their content, against the tree we recorded."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.run import git_done
from flagrelease.errors import SourceError

_SHOWN: Final = 5


class Before(NamedTuple):
    """What was written: the tree, the folder below ours that has it, and the name of the file that marks it as ours."""

    tree: str
    tree_at: str
    marker: str


def check_unedited(index: Index, folder: Path, before: Before, now: str) -> None:
    """Refuse to replace a folder of ours that somebody edited.

    Files that the tree's own .gitignore names may come and go, as far as that can be told.

    Args:
        index: That of the tree which is to be written there.
        folder: The folder.
        before: What was written there.
        now: The tree that is to be written there.

    Raises:
        SourceError: with what was edited.
    """
    top = folder / before.tree_at
    here = {before.marker, before.tree_at}
    strays = [] if top == folder else sorted({entry.name for entry in folder.iterdir()} - here)
    if os.path.lexists(top / ".git"):
        strays.append(".git")
    edited = strays or (_differing(index, top, before, now) if top.is_dir() else [before.tree_at])
    if not edited:
        return
    shown = ", ".join(edited[:_SHOWN]) + (f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else "")
    raise SourceError(
        f"{folder} was edited since `patch apply` wrote it: {shown}; it stays as it is",
        hint="keep the edits with `patch add` or elsewhere; `--force` drops them",
    )


def _differing(index: Index, top: Path, before: Before, now: str) -> list[str]:
    with temporary_index(index.repository, beside=[index]) as reading:
        if before.tree == now:
            reading.read(now)
            _add(reading, top, before.marker)
            return [entry.path.decode("utf-8", "replace") for entry in reading.write_and_compare(now)[1]]
        # The set became another one, and what the old tree consisted of is known by its id alone. What is ignored may
        # have been in it, or may have come since.
        for force in ([], ["--force"]):
            reading.run("read-tree", "--empty")
            _add(reading, top, before.marker, *force)
            if reading.write() == before.tree:
                return []
    return _newer(top, before)


def _add(reading: Index, top: Path, marker: str, *options: str) -> None:
    argv = ("add", "--all", *options, "--", ".", f":(top,literal,exclude){marker}")
    extra = {**reading.environment, "GIT_WORK_TREE": str(top)}
    git_done(*argv, at=top, extra=extra, wanted=f"reading {top}")


def _newer(top: Path, before: Before) -> list[str]:
    """What was changed after the marker was written, which is the last of all files that are."""
    marker = (top if before.tree_at == "." else top.parent) / before.marker
    written = marker.lstat().st_ctime_ns
    found = []
    for here, folders, names in os.walk(top):
        folders.sort()
        paths = [Path(here, name) for name in sorted(names) if Path(here, name) != marker]
        found += [str(path.relative_to(top)) for path in paths if path.lstat().st_ctime_ns > written]
    return found or ["something was removed, or the folder was copied"]
