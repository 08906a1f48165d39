"""What recipe files were read as, kept between runs: YAML takes most of the time that a command on recipes has.

One file of lines, each with its own hash; lines are only appended, each by one write. Two processes at once, a kill in
the middle of a line, a full disk or a damaged file cost time and nothing else: a line that is not whole is not there,
and what is read is checked against its type again. Nothing here ever fails or says anything.
"""

import contextlib
import hashlib
import os
import re
import stat
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import pydantic

import flagrelease
from flagrelease.adapters.storage.cache_tag import mark
from flagrelease.adapters.storage.locks import temporary_file
from flagrelease.domain.value import Value
from flagrelease.errors import ToolError

FILE: Final = "parsed-recipes"
"""Its name in the home folder; `gc` knows it."""

LIMIT: Final = 8 << 20
"""Bytes; beyond, only what this process used stays. 500 recipes take about 2 MiB."""

_HEX: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9._/-]+\Z")
_READERS: Final = ("domain", "formats", "adapters/recipes")


class Kept(NamedTuple):
    """What a file was read as, in JSON, and the other files that went into it: name and SHA-256 of each."""

    spelled: bytes
    needs: tuple[tuple[str, str], ...] = ()


class ParseCache:
    """The file in a home folder. It is read when the first recipe is, and made when the first is kept."""

    def __init__(self, home: Path, *, limit: int = LIMIT) -> None:
        self._file = home / FILE
        self._limit = limit
        self._used: dict[bytes, bytes] = {}
        self._may_write = True

    def key(self, kind: type[Value], within: str, content: bytes) -> bytes:
        """What an entry is found by: the code that reads, what is wanted, and the file's bytes."""
        total = _asked(kind, within).copy()
        total.update(content)
        return total.hexdigest().encode()

    def get(self, key: bytes) -> Kept | None:
        """The entry, if it is there and whole."""
        line = self._used.get(key) or self._lines.get(key)
        kept = _read(key, line) if line else None
        if line and kept:
            self._used[key] = line
        return kept

    def put(self, key: bytes, kept: Kept) -> None:
        """Keep an entry, unless the disk or the limit forbids it."""
        if not self._may_write or not all(_NAME.match(name) for name, _ in kept.needs):
            return
        needs = ",".join(f"{name}={sha256}" for name, sha256 in kept.needs) or "-"
        rest = needs.encode() + b" " + kept.spelled
        self._used[key] = line = b" ".join((key, _check(key, rest), rest))
        try:
            self._append(line)
        except (OSError, ToolError):
            self._may_write = False

    def _append(self, line: bytes) -> None:
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            mark(self._file.parent)
            size = 0
        if size + len(line) >= self._limit:
            self._begin_anew()
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._file, flags, 0o644)
        try:
            # The line end comes first: what a killed process left unfinished before it spoils nothing else.
            os.write(descriptor, b"\n" + line)
        finally:
            os.close(descriptor)

    def _begin_anew(self) -> None:
        """A new file of what this process used; when that alone is too much, nothing more is kept."""
        content = b"".join(b"\n" + line for line in self._used.values())
        if len(content) >= self._limit:
            self._may_write = False
            return
        folder = self._file.parent / "tmp"
        folder.mkdir(exist_ok=True)
        with temporary_file(folder, FILE) as (descriptor, path):
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            path.replace(self._file)

    @cached_property
    def _lines(self) -> dict[bytes, bytes]:
        """Lines by key; of two with one key the later counts."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return {line[:_HEX]: line for line in file.read(2 * self._limit).split(b"\n")}
        return {}


def _read(key: bytes, line: bytes) -> Kept | None:
    check, rest = line[_HEX + 1 : 2 * _HEX + 1], line[2 * _HEX + 2 :]
    if check != _check(key, rest):
        return None
    needs, _, spelled = rest.partition(b" ")
    if needs == b"-":
        return Kept(spelled)
    pairs = (pair.partition("=") for pair in needs.decode().split(","))
    return Kept(spelled, tuple((name, sha256) for name, _, sha256 in pairs))


def _check(key: bytes, rest: bytes) -> bytes:
    return hashlib.sha256(key + rest).hexdigest().encode()


@cache
def _asked(kind: type[Value], within: str) -> "hashlib._Hash":
    return hashlib.sha256(f"{code_of(_READERS)} {kind.__module__}.{kind.__qualname__} {within}\n".encode())


@cache
def code_of(folders: tuple[str, ...]) -> str:
    """What decides what a file is read as: these folders' modules by size and time of change, looked at once."""
    package = Path(flagrelease.__file__).parent
    parts = [_yaml(), pydantic.VERSION, flagrelease.__version__]
    for folder in folders:
        modules = [(entry.name, entry.stat()) for entry in os.scandir(package / folder) if entry.name.endswith(".py")]
        parts += [f"{name} {found.st_size} {found.st_mtime_ns}" for name, found in sorted(modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _yaml() -> str:
    """Which PyYAML is installed, by its file: it is not loaded for what is in the cache."""
    spec = find_spec("yaml")
    found = Path(spec.origin).stat() if spec and spec.origin else None
    return f"{found.st_size} {found.st_mtime_ns}" if found else ""
