"""The files of `hardware/`, as they lie in a checkout or at one of its commits; nothing is checked out or followed."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from flagrelease.adapters.git.index import Index
from flagrelease.adapters.sealed.files import read_bounded
from flagrelease.errors import SourceError
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.hostile import MOST_BYTES

HARDWARE: Final = "hardware"
MOST_FILES: Final = 100_000
MOST_AT_ONCE: Final = 4 * MOST_BYTES
_MOST_OF_ONE: Final = MOST_BYTES + 4096
"""An encrypted patch is a little longer than the patch."""

_DEEPEST: Final = 100
_REGULAR: Final = ("100644", "100755", "100664")


class Hardware(Protocol):
    """`sizes` has every file by its path below hardware/."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file."""

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What these files hold."""


@dataclass(frozen=True, kw_only=True)
class InFolder:
    """As it lies on the disk."""

    top: Path
    sizes: Mapping[str, int]

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What these files hold. Raises SourceError where one is no longer a file."""
        return {path: read_bounded(self.top / path, _MOST_OF_ONE) for path in paths}


@dataclass(frozen=True, kw_only=True)
class AtCommit:
    """As it is in a commit."""

    index: Index
    ids: Mapping[str, str]
    sizes: Mapping[str, int]

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What these files hold. Raises SourceError where the clone lacks one."""
        wanted = list(paths)
        found = dict(zip(wanted, self.index.contents([self.ids[path] for path in wanted]), strict=True))
        if lacking := [path for path, data in found.items() if data is None]:
            raise SourceError(
                f"{self.index.repository.top} has no {HARDWARE}/{lacking[0]}", hint="fetch without a filter"
            )
        return {path: data for path, data in found.items() if data is not None}


def in_folder(top: Path, findings: Findings) -> InFolder:
    """The files below a folder. Symlinks, pipes and what is too large are told and left out. Raises SourceError."""
    if top.is_symlink() or not top.is_dir():
        raise SourceError(
            f"wanted the folder {top}, found none",
            hint="name a FlagScale checkout; `--at REVISION` reads a commit that has it still",
        )
    sizes: dict[str, int] = {}
    for path, facts in _files(top, ""):
        if facts is None or not stat.S_ISREG(facts.st_mode):
            _leave_out(findings, "not-a-file", path, "a symlink or something else that is no file")
        elif facts.st_size > _MOST_OF_ONE:
            _leave_out(findings, "too-large", path, f"{facts.st_size:,} bytes")
        else:
            sizes[path] = facts.st_size
        _check_count(len(sizes), top)
    return InFolder(top=top, sizes=sizes)


def at_commit(index: Index, commit: str, findings: Findings) -> AtCommit:
    """The same of a commit. Raises SourceError where it has no such folder."""
    listed = index.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, f"{HARDWARE}/", wanted=f"reading {commit}")
    sizes, ids = dict[str, int](), dict[str, str]()
    for line in listed.out.split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, _, id_, size = facts.decode().split()
        path = name.decode("utf-8", "surrogateescape").removeprefix(f"{HARDWARE}/")
        if mode not in _REGULAR:
            _leave_out(findings, "not-a-file", path, f"mode {mode}")
        elif int(size) > _MOST_OF_ONE:
            _leave_out(findings, "too-large", path, f"{int(size):,} bytes")
        else:
            sizes[path], ids[path] = int(size), id_
        _check_count(len(sizes), index.repository.top)
    if not listed.out:
        raise SourceError(f"{commit} has no {HARDWARE}/", hint="name an earlier commit with --at")
    return AtCommit(index=index, ids=ids, sizes=sizes)


def tree_ids(index: Index, commit: str, folders: Iterable[str]) -> dict[str, str]:
    """The git id of each of these folders below hardware/ at a commit; those that are there."""
    wanted = [f"{HARDWARE}/{folder}" for folder in folders]
    out = index.run("ls-tree", "-d", "-z", "--full-tree", commit, *wanted, wanted=f"reading {commit}").out
    pairs = (line.partition(b"\t")[::2] for line in out.split(b"\0")[:-1])
    return {
        name.decode("utf-8", "surrogateescape").split("/", 1)[1]: facts.split()[2].decode() for facts, name in pairs
    }


def blob_id(data: bytes) -> str:
    """The id that git gives a file of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _files(folder: Path, below: str) -> Iterator[tuple[str, os.stat_result | None]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            path = f"{below}{entry.name}"
            if entry.is_symlink():
                yield path, None
            elif entry.is_dir(follow_symlinks=False) and below.count("/") < _DEEPEST:
                yield from _files(Path(entry.path), f"{path}/")
            else:
                yield path, entry.stat(follow_symlinks=False)


def _leave_out(findings: Findings, id_: str, path: str, what: str) -> None:
    """The folder that it lies in lacks something then, and is no set."""
    parts = path.split("/")
    findings.tell(id_, path, what, folder="/".join(parts[:2]) if len(parts) > 1 else "")


def _check_count(count: int, where: Path) -> None:
    if count > MOST_FILES:
        raise SourceError(
            f"{where} has more than {MOST_FILES:,} files in {HARDWARE}/", hint="name a FlagScale checkout"
        )
