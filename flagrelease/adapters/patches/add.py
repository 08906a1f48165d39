"""A set made or extended: every change is applied, made into a patch of one form, and the whole applied once more."""

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.conflicts import why_not
from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.moves import with_modes_of_moves
from flagrelease.adapters.git.snapshot import Change, diff_of
from flagrelease.adapters.patches.sets import StoredSet, read_patch, write_set
from flagrelease.domain.patch_series import PatchFile, Series
from flagrelease.errors import SourceError
from flagrelease.formats.yaml_text import sentence
from flagrelease.patching.diff_values import Diff
from flagrelease.patching.mail_text import Authorship, patch_text
from flagrelease.patching.report import Conflicts
from flagrelease.patching.series_yaml import series_yaml

_LONGEST_SLUG: Final = 52
_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Added:
    """A set in its place: its series, and the files that are new in it."""

    folder: Path
    series: Series
    new: tuple[str, ...]


@dataclass
class Building:
    """A series as it grows: the tree so far, and every patch with its stored bytes."""

    index: Index
    base_tree: str
    fix: bool
    tree: str
    patches: list[Patch] = field(default_factory=list)
    files: list[PatchFile] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)

    def begin_with(self, stored: StoredSet) -> None:
        """Take over a set that is there. Raises SourceError where it cannot be extended."""
        if stored.is_sealed:
            raise SourceError(
                f"{stored.folder} is sealed, and cannot be extended as it is",
                hint="`flagrelease patch open` it, add to the plain set, and seal that",
            )
        self.patches, self.stored = stored.patches(None), stored.stored()
        self.files = list(stored.series.patches)
        made = apply_series(self.index, self.base_tree, self.patches, fix=self.fix)
        if made != stored.series.result_tree:
            raise SourceError(f"{stored.folder} does not make its recorded tree", hint="`patch check` says why")
        self.tree = made

    def add(self, change: Change) -> str | None:
        """Add a change; None where it changes nothing. Returns the file's name.

        Raises:
            RefusedPatchError: it does what no patch may.
            SourceError: it does not apply.
        """
        if not change.diff.strip():
            return None
        number = max([int(one.file[:4]) for one in self.files], default=0) + 1
        name = f"{number:04d}-{_slug(change.by.subject)}.patch"
        given = read_patch(name, change.diff)
        made = apply_series(self.index, self.tree, [given], fix=self.fix)
        if made is None:
            # Git takes a symlink that only moves for a file, and no folder could take its place.
            spelled = read_patch(name, with_modes_of_moves(self.index, self.tree, given.diff))
            made = apply_series(self.index, self.tree, [spelled], fix=self.fix)
        if made is None:
            raise SourceError(f"{name} does not apply: {self._why(given)}", hint="make it against the base and the set")
        if made == self.tree:
            return None
        text, patch = self._stored(name, change.by, made)
        self.tree = made
        self.patches.append(patch)
        self.stored.append(text)
        self.files.append(_entry(name, text, change.by))
        return name

    def _stored(self, name: str, by: Authorship, made: str) -> tuple[bytes, Patch]:
        """The patch from the tree to the one that was made: with renames where git can apply them."""
        text, patch = b"", Patch(name=name, diff=Diff(data=b"", preamble=b"", changes=()))
        for renames in (True, False):
            text = patch_text(by, diff_of(self.index, self.tree, made, renames=renames))
            patch = read_patch(name, text)
            if apply_series(self.index, self.tree, [patch], fix=self.fix) == made:
                break
        return text, patch

    def _why(self, patch: Patch) -> str:
        found = why_not(self.index, ("", None), self.tree, [patch], fix=self.fix)
        if not isinstance(found, Conflicts):
            return "the set has it already"
        return "; ".join(f"{one.path}: {one.reason} {one.hunk or ''}".strip() for one in found.conflicts[:_SHOWN])

    def checked_tree(self) -> str:
        """The tree that the stored patches make from the base, applied anew. Raises SourceError where they do not."""
        made = apply_series(self.index, self.base_tree, self.patches, fix=self.fix)
        if made is None or (made != self.tree and not self.fix):
            raise SourceError(f"the stored patches make {made}, wanted {self.tree}: the set is not written")
        return made


def finished(building: Building, place: Path, facts: dict[str, Any], new: Sequence[str]) -> Added:
    """Write the set with these facts of its series. Raises SourceError where they make no series."""
    series = series_of(building, facts)
    write_set(place, series_yaml(series), series, building.stored)
    return Added(folder=place, series=series, new=tuple(new))


def series_of(building: Building, facts: dict[str, Any]) -> Series:
    """The series that the patches and these facts make. Raises SourceError where they make none."""
    try:
        return Series.model_validate(
            {
                **facts,
                "schema": "flagrelease.patches/v1",
                "result_tree": building.checked_tree(),
                "patches": tuple(building.files),
            }
        )
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise SourceError(
            "\n  ".join(["the set is not written:", *faults]), hint="pass the options that it names"
        ) from error


def _entry(name: str, text: bytes, by: Authorship) -> PatchFile:
    author = f"{by.author} <{by.mail}>" if by.author or by.mail else ""
    day: dt.date | None = None
    with suppress(ValueError, TypeError):
        day = parsedate_to_datetime(by.date).date() if by.date else None
    return PatchFile(
        file=name,
        sha256=hashlib.sha256(text).hexdigest(),
        size=len(text),
        author=sentence(author) or None,
        date=day,
        subject=sentence(by.subject) or None,
    )


def _slug(subject: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", subject)[:_LONGEST_SLUG].strip("-._")
    return re.sub(r"(\.patch|\.sealed)+\Z", "", slug) or "change"
