"""Submodules and LFS content into a tree of files, where git's own checkout leaves empty folders and pointers."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.index import temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.run import git, well
from flagrelease.adapters.mirrors.pointers import pointer_of
from flagrelease.adapters.mirrors.remote import check_room
from flagrelease.adapters.mirrors.whole import Gitlink, Pointer, as_bytes
from flagrelease.adapters.storage.disk import CHUNK, write_all, writing
from flagrelease.adapters.storage.store import FileStore

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHER: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_LARGEST: Final = 1023


def fill_submodule(link: Gitlink, repository: Repository, folder: Path) -> bool:
    """Write the files of a submodule's commit into its empty folder; whether it still was one.

    Args:
        link: The submodule.
        repository: A mirror that has its commit.
        folder: The tree of the commit that has the submodule.
    """
    with _opened(folder, as_bytes(link.path)) as there:
        if there is None or not _is_empty(there):
            return False
        with temporary_index(repository) as index:
            index.read(link.commit)
            # The open folder, not its name: no symlink on the way can lead elsewhere.
            words = ("checkout-index", "--all", f"--prefix=/proc/self/fd/{there}/")
            said = git(*words, at=index.folder, extra=index.environment, descriptors=[there])
            check_room(said, link.path, folder)
            well(said, f"writing {folder / link.path}")
    return True


def _is_empty(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def fill_pointer(pointer: Pointer, store: FileStore, folder: Path) -> bool:
    """Put the content in the place of its pointer; whether that still was this pointer."""
    parent, _, name = as_bytes(pointer.path).rpartition(b"/")
    with _opened(folder, parent) as there:
        if there is None or not _is_pointer(there, name, pointer):
            return False
        with writing(folder / pointer.path, pointer.size):
            _copy(store.path(pointer.digest), there, name)
    return True


def _copy(blob: Path, there: int, name: bytes) -> None:
    """A file of its own instead of the one of this name: a build may change it, and the store's may not be changed."""
    mode = stat.S_IMODE(os.stat(name, dir_fd=there, follow_symlinks=False).st_mode)
    source = os.open(blob, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.unlink(name, dir_fd=there)
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=there)
        try:
            while data := os.read(source, CHUNK):
                write_all(target, data)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _is_pointer(there: int, name: bytes, pointer: Pointer) -> bool:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=there)
    except OSError as error:
        if error.errno in _OTHER:
            return False
        raise
    with os.fdopen(file, "rb") as content:
        return pointer_of(content.read(_LARGEST + 1)) == (pointer.sha256, pointer.size)


@contextmanager
def _opened(folder: Path, below: bytes) -> Iterator[int | None]:
    """A folder of the tree, reached without any symlink; none where there is something else."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in below.split(b"/") if below else ():
            try:
                following = os.open(part, _FOLDER, dir_fd=here)
            except OSError as error:
                if error.errno in _OTHER:
                    yield None
                    return
                raise
            os.close(here)
            here = following
        yield here
    finally:
        os.close(here)
