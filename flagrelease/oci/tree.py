"""A folder that an image is unpacked to, in which no path leads through a link."""

import errno
import os
import shutil
import stat

from flagrelease.oci.layer import PARENT_MODE

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened."""


class Refused(Exception):  # noqa: N818
    """An entry that is not made; the message goes on from its path."""


class Tree:
    """The folder unpacked to. Each way into it begins at the root and follows no link."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._last = ("", os.dup(root))

    def close(self) -> None:
        """Let go of the folder that was used last."""
        os.close(self._last[1])

    def folder(self, path: str, *, make: bool) -> int:
        """Open a folder; the descriptor is good until the next call.

        Raises FileNotFoundError when it is not there and is not to be made.
        """
        if path == self._last[0]:
            return self._last[1]
        fd = os.dup(self._root)
        try:
            for part in path.split("/") if path else ():
                below = _enter(fd, part, path, make=make)
                os.close(fd)
                fd = below
        except BaseException:
            os.close(fd)
            raise
        os.close(self._last[1])
        self._last = (path, fd)
        return fd

    def make_folder(self, folder: str, name: str, mode: int) -> None:
        """Make a folder, or give the one of a lower layer this mode."""
        fd = self.folder(folder, make=True)
        found = _look(fd, name)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            self.remove(folder, name)
            fd = self.folder(folder, make=True)
            found = None
        if found is None:
            os.mkdir(name, 0o700, dir_fd=fd)
        made = os.open(name, FOLDER, dir_fd=fd)
        try:
            os.fchmod(made, mode | stat.S_IRWXU)
        finally:
            os.close(made)

    def remove(self, folder: str, name: str) -> None:
        """Remove what a lower layer has there, if anything."""
        try:
            fd = self.folder(folder, make=False)
        except FileNotFoundError:
            return
        found = _look(fd, name)
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(name, dir_fd=fd)
            # The folder used last may have been among them.
            os.close(self._last[1])
            self._last = ("", os.dup(self._root))
        else:
            os.unlink(name, dir_fd=fd)

    def link(self, target: str, fd: int, name: str) -> None:
        """Give a file that is there another name; `fd` is the folder of the new name."""
        folder, _, file = target.rpartition("/")
        fd = os.dup(fd)
        try:
            there = self.folder(folder, make=False)
            found = os.stat(file, dir_fd=there, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise Refused(f"is a hardlink to {target}, which is no file")
            os.link(file, name, src_dir_fd=there, dst_dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError as error:
            raise Refused(f"is a hardlink to {target}, which is not in the image so far") from error
        finally:
            os.close(fd)


def _enter(fd: int, part: str, path: str, *, make: bool) -> int:
    try:
        return os.open(part, FOLDER, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
        os.mkdir(part, 0o700, dir_fd=fd)
        new = os.open(part, FOLDER, dir_fd=fd)
        os.fchmod(new, PARENT_MODE)
        return new
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise Refused(f"passes through {part!r} in {path}, which is a link or a file, no directory") from error
        raise


def _look(fd: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
