"""Debian packages as a tree of entries: what `dpkg` would unpack, without it and without running their scripts.

What differs from an installed system:

- `/usr` is merged: what lies in `bin`, `sbin` and `lib*` goes below `usr`, and these become links.
- Maintainer scripts do not run. What a base needs of them is made from data: `/etc/passwd`, `/etc/group` and
  `/etc/nsswitch.conf` from the masters the packages carry. There is no `ld.so.cache`, no alternative, no diversion.
- Manuals, translations and documents are left out; copyright files stay.
- setuid and setgid bits are taken away: one server runs in the image, nobody there may become somebody else.
- `/var/lib/dpkg/status.d/<package>` holds the control record of each package, where scanners look for it.
"""

import errno
import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, BinaryIO, Final

from debian.arfile import ArError
from debian.deb822 import Deb822
from debian.debfile import DebFile

from flagrelease.domain.source import LockedDeb
from flagrelease.errors import BuildError, ToolError
from flagrelease.oci.header import Kind, check_path
from flagrelease.oci.layer import Entry, Stream

MAX_PACKAGE_BYTES = 1 << 36
MAX_PACKAGE_ENTRIES = 500_000
MAX_CONTROL_BYTES = 1 << 20
MAX_TRAILING_BYTES = 1 << 20

_MERGED: Final = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_LEFT_OUT: Final = tuple(f"usr/share/{name}/" for name in ("doc-base", "info", "lintian", "locale", "man"))
_DOCUMENTS: Final = "usr/share/doc/"
# What a maintainer script would copy, by where it goes.
_MASTERS: Final = {
    "etc/passwd": "usr/share/base-passwd/passwd.master",
    "etc/group": "usr/share/base-passwd/group.master",
    "etc/nsswitch.conf": "usr/share/libc-bin/nsswitch.conf",
}
_EMPTY_FOLDERS: Final = {"dev": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "tmp": 0o1777}
_RIGHTS: Final = 0o0777
_STICKY: Final = 0o1000
_CHUNK: Final = 1 << 20


def debian_base(packages: Sequence[tuple[LockedDeb, Path]], spool: BinaryIO) -> Iterator[tuple[LockedDeb, list[Entry]]]:
    """Give each package's entries as it is read, in the order of the packages.

    Args:
        packages: each with its file.
        spool: an empty temporary file that takes the unpacked content; it must stay open until the entries are written.

    Raises:
        BuildError: when a file is not the package the lock names, or holds more than files, directories and links.
    """
    for package, file in packages:
        yield package, _read(package, file, spool)


def join_packages(trees: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Give one tree of all packages, with what is nobody's: the links of the merged `/usr`, masters, empty folders.

    A directory of several packages has the mode the first of them gives it.

    Raises:
        BuildError: when two packages hold one path and it is not a directory in both.
    """
    tree: dict[str, Entry] = {}
    for entry in (entry for entries in trees for entry in entries):
        known = tree.setdefault(entry.path, entry)
        if known is not entry and not known.kind == entry.kind == "directory":
            raise BuildError(
                f"/{entry.path} is in the packages {known.owner} and {entry.owner}, wanted in one of them",
                hint="leave one of the two out of the chip's base packages",
            )
    for path, master in _MASTERS.items():
        if master in tree and path not in tree:
            tree[path] = replace(tree[master], path=path)
    for path, mode in _EMPTY_FOLDERS.items():
        tree.setdefault(path, Entry(path=path, kind="directory", mode=mode))
    for name in _MERGED:
        merged = f"usr/{name}"
        if any(path == merged or path.startswith(f"{merged}/") for path in tree):
            tree[name] = Entry(path=name, kind="symlink", mode=0o777, target=merged)
    return list(tree.values())


def _read(package: LockedDeb, file: Path, spool: BinaryIO) -> list[Entry]:
    owner = f"{package.name} {package.version}"
    with _naming(owner), DebFile(str(file)) as deb:
        entries = [_status(package, owner, deb)]
        left = MAX_PACKAGE_BYTES
        data = deb.data.tgz()
        for count, member in enumerate(data):
            left -= member.size
            if left < 0 or count >= MAX_PACKAGE_ENTRIES:
                limits = f"{MAX_PACKAGE_BYTES} bytes in {MAX_PACKAGE_ENTRIES} entries"
                raise BuildError(f"the package {owner} holds more than may be unpacked: {limits}")
            entry = _entry(member, owner)
            if entry is None:
                continue
            if entry.kind == "file":
                content = data.extractfile(member)
                assert content is not None
                entry = replace(entry, content=_keep(content, spool))
            entries.append(entry)
        _check_end(data, owner)
    return entries


def _check_end(data: tarfile.TarFile, owner: str) -> None:
    """Read to the end: the compressor's checksum is there, and tarfile takes a broken header for an end."""
    assert data.fileobj is not None
    rest = data.fileobj.read(MAX_TRAILING_BYTES + 1)
    if len(rest) > MAX_TRAILING_BYTES or any(rest):
        raise BuildError(f"the package {owner} is damaged, or holds more than its archive says")


@contextmanager
def _naming(owner: str) -> Iterator[None]:
    try:
        yield
    except (ArError, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, UnicodeError, ValueError) as error:
        raise BuildError(f"the package {owner} is not a Debian package that can be read: {error}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            folder = tempfile.gettempdir()
            raise ToolError(f"no room in {folder} to unpack {owner}", hint="free some, or set TMPDIR") from error
        if error.errno is not None:
            raise
        # The library says so of a broken ar header.
        raise BuildError(f"the package {owner} is not a Debian package that can be read: {error}") from error


def _status(package: LockedDeb, owner: str, deb: DebFile) -> Entry:
    """The package's control record, checked against the lock."""
    control = deb.control.get_file("control").read(MAX_CONTROL_BYTES + 1)
    if len(control) > MAX_CONTROL_BYTES:
        raise BuildError(f"the package {owner} has a control record of more than {MAX_CONTROL_BYTES} bytes")
    record: Mapping[str, str] = Deb822(control)
    wanted = {"Package": package.name, "Version": package.version, "Architecture": package.architecture}
    for field, value in wanted.items():
        if record.get(field) != value:
            raise BuildError(f"the package {owner} says {field}: {record.get(field)!r}, the lock says {value!r}")
    return Entry(path=f"var/lib/dpkg/status.d/{package.name}", kind="file", mode=0o644, content=control, owner=owner)


def _entry(member: tarfile.TarInfo, owner: str) -> Entry | None:
    """What becomes of a member; None when it is left out."""
    name = str(member.name).removeprefix("./").removesuffix("/")
    if name in {"", "."}:
        return None
    kind = _kind(member, owner)
    path = _merge(check_path(name, f"the package {owner}"))
    if (kind == "symlink" and name in _MERGED) or _is_left_out(path, kind):
        return None
    kept = _RIGHTS | _STICKY if kind == "directory" else _RIGHTS
    target = str(member.linkname)
    if kind == "hardlink":
        target = _merge(check_path(target.removeprefix("./"), f"the package {owner}"))
    return Entry(
        path=path,
        kind=kind,
        mode=0o777 if kind == "symlink" else member.mode & kept,
        target=target if kind in {"symlink", "hardlink"} else "",
        owner=owner,
    )


def _kind(member: tarfile.TarInfo, owner: str) -> Kind:
    if member.isreg() and not member.issparse():
        return "file"
    if member.isdir():
        return "directory"
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hardlink"
    raise BuildError(f"the package {owner} holds {str(member.name)!r}, which is no file, directory or link")


def _merge(path: str) -> str:
    return f"usr/{path}" if path.split("/", 1)[0] in _MERGED else path


def _is_left_out(path: str, kind: Kind) -> bool:
    if f"{path}/".startswith(_LEFT_OUT):
        return True
    if not path.startswith(_DOCUMENTS):
        return False
    # A package's folder may be a link to the one that holds the copyright file of both.
    is_link_to_other = kind == "symlink" and "/" not in path.removeprefix(_DOCUMENTS)
    return not is_link_to_other and path.rpartition("/")[2] != "copyright"


def _keep(content: IO[bytes], spool: BinaryIO) -> Stream:
    """Put content aside: packages can only be read from start to end, layers are sorted by path."""
    begin = spool.seek(0, os.SEEK_END)
    shutil.copyfileobj(content, spool, _CHUNK)
    size = spool.tell() - begin

    def chunks() -> Iterator[bytes]:
        at = spool.seek(begin)
        while at < begin + size:
            chunk = spool.read(min(_CHUNK, begin + size - at))
            if not chunk:
                return
            at += len(chunk)
            yield chunk

    return Stream(size=size, chunks=chunks)
