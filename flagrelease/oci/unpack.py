"""Layers of an image put into a folder, as an ordinary user, without trusting them.

Nothing of an archive is written before its whole table was read and checked. Every folder on the way to an entry is
opened from the root down without following links, so that no entry can be written through a link, whatever it says.

What is kept of an entry is its content, its permission bits and its place. Owners and times are not: the tree belongs
to whoever unpacks it. Folders stay writable for their owner, so that the tree can be deleted again.
"""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from flagrelease.errors import BuildError, ToolError
from flagrelease.oci.archive import Packed, read_members
from flagrelease.oci.header import Member
from flagrelease.oci.layer import parents
from flagrelease.oci.tree import FOLDER, Refused, Tree

MAX_ENTRIES = 1_000_000
MAX_BYTES = 1 << 42

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20
_CANNOT_SHARE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def unpack_layers(
    layers: Sequence[Path], to: Path, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
) -> None:
    """Unpack layers that are not compressed, the lowest first, into a new folder; whiteouts are honoured.

    The tree is built beside `to` as `<name>.partial` and renamed, so `to` is there whole or not at all. One process at
    a time may unpack to one place: callers hold a lock. Nothing is synced to the disk.

    Args:
        layers: tar archives.
        to: the folder to make; it may exist when it is empty.
        max_entries: members of all layers together.
        max_bytes: content of all layers together.

    Raises:
        BuildError: when a layer is cut, malformed, too large, or asks for anything but files, directories and links
            below the root. `to` is not made then.
    """
    if to.is_symlink() or (to.exists() and any(to.iterdir())):
        raise BuildError(f"{to} is there already, wanted a new or an empty folder to unpack to")
    partial = to.with_name(f"{to.name}.partial")
    if partial.is_symlink() or partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(mode=0o700)
    try:
        _unpack_all(layers, partial, _Left(entries=max_entries, content=max_bytes))
        partial.chmod(0o755)
        partial.rename(to)
    except BaseException:
        shutil.rmtree(partial)
        raise


def _unpack_all(layers: Sequence[Path], to: Path, left: "_Left") -> None:
    root = os.open(to, FOLDER)
    try:
        tree = Tree(root)
        try:
            for layer in layers:
                _unpack(layer, tree, left)
        finally:
            tree.close()
    finally:
        os.close(root)


class _Left:
    """What may still be unpacked."""

    def __init__(self, *, entries: int, content: int) -> None:
        self._entries = entries
        self._bytes = content

    def take(self, packed: Packed, where: str) -> None:
        """Count one member in, or refuse it."""
        self._entries -= 1
        self._bytes -= packed.member.size
        if self._entries < 0:
            raise BuildError(f"{where}: {packed.member.path} is one entry more than may be unpacked")
        if self._bytes < 0:
            raise BuildError(f"{where}: with {packed.member.path} there are more bytes than may be unpacked")


def _unpack(layer: Path, tree: Tree, left: _Left) -> None:
    where = f"the layer {layer.name}"
    fd = os.open(layer, os.O_RDONLY | os.O_CLOEXEC)
    try:
        table = _read_table(fd, where, left)
        # Whiteouts are about lower layers only, wherever they stand among the members.
        for path in table:
            if _is_whiteout(path):
                with _naming(path, where):
                    _hide(tree, path)
        for path, packed in table.items():
            if not _is_whiteout(path):
                with _naming(path, where):
                    _create(tree, packed, fd)
    finally:
        os.close(fd)


def _is_whiteout(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_WHITEOUT)


@contextmanager
def _naming(path: str, where: str) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise BuildError(f"{where}: {path} {error}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ToolError(f"{where}: no room on the disk to unpack {path}", hint="free some space") from error
        raise BuildError(f"{where}: {path} cannot be unpacked: {error.strerror}") from error


def _read_table(fd: int, where: str, left: _Left) -> Mapping[str, Packed]:
    """Give the members by path; refuse whatever two readers could understand in two ways."""
    table: dict[str, Packed] = {}
    for packed in read_members(fd, where):
        left.take(packed, where)
        path = packed.member.path
        if path in table:
            raise BuildError(f"{where}: {path} is there twice")
        table[path] = packed
    table.pop(".", None)
    for path, packed in table.items():
        if _is_whiteout(path):
            _check_whiteout(packed.member, where)
        for parent in parents(path):
            known = table.get(parent)
            if _is_whiteout(parent) or (known is not None and known.member.kind != "directory"):
                raise BuildError(f"{where}: {path} lies below {parent}, which is no directory")
    return table


def _check_whiteout(member: Member, where: str) -> None:
    name = member.path.rpartition("/")[2]
    hidden = name.removeprefix(_WHITEOUT)
    if member.kind != "file" or member.size:
        raise BuildError(f"{where}: {member.path} is named as a whiteout, but is no empty file")
    if name != _OPAQUE and (hidden in {"", ".", ".."} or hidden.startswith(_WHITEOUT)):
        raise BuildError(f"{where}: {member.path} is a whiteout that hides nothing")


def _hide(tree: Tree, path: str) -> None:
    folder, _, name = path.rpartition("/")
    try:
        fd = tree.folder(folder, make=False)
    except FileNotFoundError:
        return
    if name != _OPAQUE:
        tree.remove(folder, name.removeprefix(_WHITEOUT))
        return
    for child in os.listdir(fd):  # noqa: PTH208 - of a descriptor, not a path
        tree.remove(folder, child)


def _create(tree: Tree, packed: Packed, archive: int) -> None:
    member = packed.member
    folder, _, name = member.path.rpartition("/")
    if member.kind == "directory":
        tree.make_folder(folder, name, member.mode)
        return
    tree.remove(folder, name)
    fd = tree.folder(folder, make=True)
    match member.kind:
        case "symlink":
            os.symlink(member.target, name, dir_fd=fd)
        case "hardlink":
            tree.link(member.target, fd, name)
        case "file":
            new = os.open(name, _NEW_FILE, 0o600, dir_fd=fd)
            try:
                _copy(archive, packed.offset, member.size, new)
                os.fchmod(new, member.mode)
            finally:
                os.close(new)


def _copy(source: int, offset: int, size: int, to: int) -> None:
    """Copy bytes of the archive, sharing blocks where the file system can."""
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, to, size - done, offset_src=offset + done)
        except OSError as error:
            if error.errno not in _CANNOT_SHARE:
                raise
            count = os.write(to, os.pread(source, min(size - done, _CHUNK), offset + done))
        if count == 0:
            raise Refused("is cut: the archive became shorter while it was read")
        done += count
