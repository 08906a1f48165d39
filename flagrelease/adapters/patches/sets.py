"""Patch sets in their folders: found, read with every patch held against its recorded hash, written whole."""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

from flagrelease.adapters.git.apply import Patch
from flagrelease.adapters.sealed.files import write_new
from flagrelease.adapters.storage.place import beside, put_in_place
from flagrelease.domain.patch_series import BASE_DIGITS, SERIES_FILE, PatchFile, Series
from flagrelease.errors import RecipeError, SourceError
from flagrelease.patching.diff_text import read_diff
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import MOST_BYTES
from flagrelease.patching.series_yaml import read_series

Opener: TypeAlias = Callable[[Path], Iterable[bytes]]
"""Every patch of a sealed set in its order, in plain text, in memory. Raises SourceError."""

_BASE: Final = re.compile(rf"[0-9a-f]{{{BASE_DIGITS}}}\Z")
_MOST_OF_A_SET: Final = 4 * MOST_BYTES
_MOST_SERIES: Final = 4 << 20
_SEALED: Final = "seal.json"


class NeedsKeyError(SourceError):
    """The set is sealed, and no key is at hand."""


@dataclass(frozen=True)
class StoredSet:
    """A folder `patches/<component>/<base>/<chip>`. It is read when it is asked for something."""

    folder: Path

    @property
    def component(self) -> str:
        """The component, by the folder."""
        return self.folder.parts[-3]

    @property
    def base(self) -> str:
        """The first digits of the base commit, by the folder."""
        return self.folder.parts[-2]

    @property
    def chip(self) -> str:
        """The chip, by the folder."""
        return self.folder.name

    @property
    def name(self) -> str:
        """How people call it."""
        return "/".join(self.folder.parts[-3:])

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """Every file of the folder, read once."""
        return _read_all(self.folder)

    @cached_property
    def content(self) -> str:
        """SHA-256 of all its files: what a check of before is found by, without reading YAML."""
        total = hashlib.sha256()
        for name, data in sorted(self.files.items()):
            total.update(b"%d %d " % (len(name.encode()), len(data)) + name.encode() + hashlib.sha256(data).digest())
        return total.hexdigest()

    @cached_property
    def series(self) -> Series:
        """What the set says of itself. Raises SourceError where it is not that of its folder."""
        path = self.folder / SERIES_FILE
        if SERIES_FILE not in self.files:
            raise SourceError(f"there is no {path}", hint="`flagrelease patch add` makes a set")
        try:
            return read_series(self.files[SERIES_FILE], path)
        except RecipeError as error:
            raise SourceError(error.message, hint=error.hint) from error

    @property
    def is_sealed(self) -> bool:
        """Whether a key is needed."""
        return any(one.sealed for one in self.series.patches)

    def stored(self) -> list[bytes]:
        """The files of the series in their order, as they are stored. Raises SourceError where one is another."""
        listed = {one.file for one in self.series.patches}
        if strays := sorted(set(self.files) - listed - {SERIES_FILE, _SEALED, "README.md"}):
            hint = f"list it in {SERIES_FILE}, or remove it"
            raise RefusedPatchError(
                "unlisted-file", f"{SERIES_FILE} does not list it; {hint}", patch=str(self.folder / strays[0])
            )
        return [self._stored(one) for one in self.series.patches]

    def _stored(self, patch: PatchFile) -> bytes:
        path, data = self.folder / patch.file, self.files.get(patch.file)
        if data is None:
            raise SourceError(f"{path}: {SERIES_FILE} lists it, and it is not there", hint="take the set again")
        found = hashlib.sha256(data).hexdigest()
        if found != patch.sha256 or len(data) != patch.size:
            raise SourceError(
                f"{path}: wanted {patch.size} bytes with sha256 {patch.sha256}, found {len(data)} with {found}",
                hint="take the set again, or `patch add` anew",
            )
        return data

    def patches(self, opener: Opener | None) -> list[Patch]:
        """Every patch, read. What is raised of a sealed set has words of its patches: see `no_words_of`.

        Raises:
            NeedsKeyError: it is sealed, and there is no opener.
            RefusedPatchError: a patch is one that is never applied.
            SourceError: a file is not as it was recorded, or the opener's.
        """
        stored = self.stored()
        if self.is_sealed and opener is None:
            raise NeedsKeyError(f"{self.folder} is sealed", hint="name the file of a key that opens it with --key")
        texts = opener(self.folder) if self.is_sealed and opener else stored
        pairs = zip(self.series.patches, texts, strict=True)
        return [read_patch(one.file.removesuffix(".sealed"), text) for one, text in pairs]


def read_patch(name: str, text: bytes) -> Patch:
    """A patch file as it was read.

    Raises:
        RefusedPatchError: it is one that is never applied; with its name.
    """
    try:
        return Patch(name=name, diff=read_diff(text))
    except RefusedPatchError as error:
        raise error.within(name) from error


def _read_all(folder: Path) -> dict[str, bytes]:
    """The folder's files, none followed to elsewhere, and not more of them than a set may be."""
    found: dict[str, bytes] = {}
    room = _MOST_OF_A_SET
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - quicker
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"there is no patch set at {folder}", hint="`flagrelease patch status` lists all") from error
    for name in names:
        found[name] = data = _read(folder / name, room)
        room -= len(data)
    return found


def _read(path: Path, room: int) -> bytes:
    """By descriptors: there may be hundreds of files, and a check that has nothing to do takes as long as this."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise SourceError(f"{path}: wanted a file, found a symlink", hint="remove it from the set") from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise SourceError(f"{path}: wanted a file, found something else", hint="remove it from the set")
        if facts.st_size > room:
            raise RefusedPatchError("too-large", f"a set has at most {_MOST_OF_A_SET:,} bytes", patch=str(path.parent))
        parts = [os.read(descriptor, facts.st_size + 1)]
        while len(parts[-1]) and sum(map(len, parts)) < facts.st_size:
            parts.append(os.read(descriptor, facts.st_size))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def stored_sets(patches: Path, *, component: str | None = None, chip: str | None = None) -> list[StoredSet]:
    """Every set below the folder, sorted by component, base and chip; not what lies there to become one."""
    found = sorted(patches.glob(f"{component or '*'}/*/{chip or '*'}/{SERIES_FILE}"))
    sets = [StoredSet(path.parent.absolute()) for path in found if _BASE.match(path.parent.parent.name)]
    return [one for one in sets if not one.chip.startswith(".")]


def chosen_set(patches: Path, component: str, base: str, chip: str) -> StoredSet:
    """The one set of a component and chip whose base begins with these digits. Raises SourceError."""
    there = stored_sets(patches, component=component, chip=chip)
    fitting = [one for one in there if one.base.startswith(base[:BASE_DIGITS])]
    fitting = [one for one in fitting if len(base) <= BASE_DIGITS or one.series.base.startswith(base)]
    if len(fitting) != 1:
        known = ", ".join(one.base for one in there) or "none"
        what = f"{len(fitting)} sets" if fitting else "none"
        raise SourceError(
            f"wanted the patches of {chip} for {component} at {base}, found {what} in {patches}",
            hint=f"bases that there are for this chip: {known}; `flagrelease patch status` lists all sets",
        )
    return fitting[0]


def write_set(place: Path, text: bytes, series: Series, files: Sequence[bytes]) -> None:
    """Put a set in its place, all of it at once; one that is there is replaced. It has to be our turn (`changing`)."""
    named = {one.file: data for one, data in zip(series.patches, files, strict=True)}
    write_files(place, {**named, SERIES_FILE: text})


def write_files(place: Path, files: Mapping[str, bytes]) -> None:
    """The same with every file of the set, for one that is sealed. A README.md that is there stays."""
    with beside(place) as (made, _):
        for name, data in files.items():
            write_new(made / name, data, 0o644)
        if (place / "README.md").is_file():
            shutil.copy2(place / "README.md", made / "README.md")
        put_in_place(made, place)
