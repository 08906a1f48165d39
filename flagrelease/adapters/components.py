"""Sources of components: from the mirrors in the store, with the vendor's patch set, as one archive of files."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from flagrelease.adapters.git.index import temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.worktree import MARKER
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.sets import StoredSet
from flagrelease.domain.component import GitSource
from flagrelease.domain.lock import LockedComponent
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.source import PatchedComponent
from flagrelease.errors import LockError, SourceError
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.patching.series_digest import series_digest
from flagrelease.ports import Progress, Store


class Repositories(Protocol):
    """Where commits are kept; `adapters.mirrors.mirrors.Mirrors`."""

    def bring(self, source: GitSource, commit: str, progress: Progress) -> None:
        """Have the whole commit here."""

    def repository(self, source: GitSource, commit: str) -> Repository:
        """The repository that has it."""

    def fill(self, source: GitSource, commit: str, folder: Path) -> None:
        """Write what a tree only names, submodules and LFS files, into its folder."""


class HostComponents:
    """`ports.Components` on this machine.

    Args:
        store: Where archives go.
        mirrors: Where commits come from.
        patches: The folder of the patch sets.
    """

    def __init__(self, store: Store, mirrors: Repositories, *, patches: Path) -> None:
        self._store = store
        self._mirrors = mirrors
        self._patches = patches

    def bring(self, component: LockedComponent, progress: Progress) -> None:
        """Have its commit here. Raises SourceError."""
        self._mirrors.bring(component.source, component.commit, progress)

    def patched(self, component: LockedComponent, progress: Progress) -> PatchedComponent:
        """Its files, with the patches that the lock pins, into the store. Raises LockError or SourceError."""
        repository = self._mirrors.repository(component.source, component.commit)
        with tempfile.TemporaryDirectory(prefix="flagrelease-source-") as text:
            folder = Path(text).resolve() / "tree"
            if component.patches:
                tree, count = self._patched_tree(component.patches, repository, folder)
            else:
                tree, count = _tree_of(repository, component.commit, folder), 0
            self._mirrors.fill(component.source, component.commit, folder)
            entries = list(_entries(folder))
            progress(0, len(entries))
            with self._store.writer() as writer:
                size = write_layer(writer, entries)
                archive = writer.commit()
            progress(len(entries), len(entries))
        return PatchedComponent(
            name=component.name, commit=component.commit, tree=tree, patches=count, archive=archive, size=size
        )

    def _patched_tree(self, wanted: PatchSet, repository: Repository, folder: Path) -> tuple[str, int]:
        stored = StoredSet((self._patches / wanted.folder).absolute())
        found = series_digest(stored.series)
        if found != wanted.series:
            raise LockError(
                f"the patch set {wanted.folder} is not what the lock was made with: wanted {wanted.series}, "
                f"found {found}",
                hint="run `flagrelease lock` for this bundle, or take the set that it was made with",
            )
        if stored.is_sealed:
            raise SourceError(
                f"{stored.name} is sealed: its component cannot be placed in an image as plain files",
                hint="no build opens sealed sets yet: open it with its key by `flagrelease patch open`",
            )
        made = apply_set(stored, repository, folder)
        return made.tree, made.patches


def _tree_of(repository: Repository, commit: str, folder: Path) -> str:
    with temporary_index(repository) as index:
        tree = index.tree_of(commit)
        index.read(tree)
        folder.mkdir()
        index.run("-c", "checkout.workers=0", "checkout-index", "--all", f"--prefix={folder}/", wanted="writing files")
    return tree


def _entries(top: Path, below: str = "") -> Iterator[Entry]:
    """Everything below a folder; no symlink is followed. Empty folders, of submodules that are not wanted, stay."""
    with os.scandir(top / below) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        path = f"{below}/{name}" if below else name
        facts = (top / path).lstat()
        if stat.S_ISLNK(facts.st_mode):
            yield Entry(path=path, kind="symlink", mode=0o777, target=str((top / path).readlink()))
        elif stat.S_ISDIR(facts.st_mode):
            yield Entry(path=path, kind="directory", mode=0o755)
            yield from _entries(top, path)
        elif path != MARKER:
            mode = 0o755 if facts.st_mode & stat.S_IXUSR else 0o644
            yield Entry(path=path, kind="file", mode=mode, content=top / path)
