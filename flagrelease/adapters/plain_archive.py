"""A plain tar from somebody else: files alone, each once, in folders that hold one; read in place, nothing unpacked."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.storage.disk import CHUNK
from flagrelease.errors import BuildError, SourceError
from flagrelease.oci.archive import Packed, read_members


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What sort of file it is to be: what people call it, the command that writes it, and its limits.

    `most_bytes` are of the whole file; `most_entries` counts folders, too.
    """

    name: str
    written_by: str
    most_bytes: int
    most_entries: int

    @property
    def again(self) -> str:
        """What to do about a damaged one."""
        return f"copy it again, whole, as `{self.written_by}` wrote it"


@dataclass(frozen=True, kw_only=True)
class PlainArchive:
    """An archive that is open, with its files by path."""

    path: Path
    kind: Kind
    fd: int
    members: Mapping[str, Packed]

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file's content, a piece at a time. Raises SourceError where the archive is shorter by now."""
        packed = self.members[name]
        at, left = packed.offset, packed.member.size
        while left > 0:
            data = os.pread(self.fd, min(left, CHUNK), at)
            if not data:
                text = f"{name} is cut: the {self.kind.name} became shorter while it was read"
                raise SourceError(text, hint=self.kind.again)
            yield data
            at, left = at + len(data), left - len(data)

    def small(self, name: str, most: int) -> bytes | None:
        """A file's whole content; None where there is no such file. Raises SourceError beyond `most` bytes."""
        packed = self.members.get(name)
        if packed is None:
            return None
        if packed.member.size > most:
            text = f"{self.path}: {name} has {packed.member.size:,} bytes, wanted at most {most:,}"
            raise SourceError(text, hint=self.kind.again)
        return b"".join(self.chunks(name))


@contextmanager
def opened_archive(path: Path, kind: Kind) -> Iterator[PlainArchive]:
    """The archive, after every header in it was checked; no content has been read.

    Raises SourceError: no file, cut, too large, compressed, a link or another thing in it, a path that leads out, a
    file twice.
    """
    fd = _opened(path, kind)
    try:
        yield PlainArchive(path=path, kind=kind, fd=fd, members=_members(fd, path, kind))
    finally:
        os.close(fd)


def _opened(path: Path, kind: Kind) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"there is no {path}", hint=f"name a file that `{kind.written_by}` wrote") from None
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_size > kind.most_bytes:
        os.close(fd)
        what = f"{found.st_size:,} bytes" if stat.S_ISREG(found.st_mode) else "something that is no file"
        text = f"{path}: wanted a file of at most {kind.most_bytes:,} bytes, found {what}"
        raise SourceError(text, hint=kind.again)
    return fd


def _members(fd: int, path: Path, kind: Kind) -> Mapping[str, Packed]:
    """Files by path. Folders are only those that files lie in; there is nothing else."""
    files: dict[str, Packed] = {}
    folders: set[str] = set()
    try:
        for number, packed in enumerate(read_members(fd, str(path))):
            member = packed.member
            if number >= kind.most_entries:
                raise _is_none(kind, f"{path}: wanted at most {kind.most_entries} entries, found more")
            if member.path in files:
                raise _is_none(kind, f"{path}: {member.path} is there twice")
            if member.kind == "directory":
                folders.add(member.path)
            elif member.kind == "file":
                files[member.path] = packed
            else:
                raise _is_none(kind, f"{path}: {member.path} is a {member.kind}, wanted plain files")
    except BuildError as error:
        raise _is_none(kind, error.message) from error
    above = {parent.as_posix() for name in files for parent in Path(name).parents} - {"."}
    if strange := sorted(folders - above) or sorted(set(files) & above):
        raise _is_none(kind, f"{path}: {strange[0]} is a folder that no file lies in, or a file and a folder")
    return files


def _is_none(kind: Kind, text: str) -> SourceError:
    return SourceError(f"this is no {kind.name}: {text}", hint=kind.again)
