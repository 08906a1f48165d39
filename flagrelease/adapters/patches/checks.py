"""Sets checked at a commit, and what was found kept: a set that did not change is not applied again."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import ValidationError

import flagrelease
from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.conflicts import why_not
from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.patches.sets import NeedsKeyError, Opener, StoredSet
from flagrelease.adapters.patches.words import no_words_of, told
from flagrelease.adapters.storage.cache_tag import mark
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import canonical_json
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.report import (
    AlreadyUpstream,
    Applies,
    BaseUnknown,
    Checked,
    Conflicts,
    Finding,
    NeedsKey,
    OtherTree,
    Refused,
)
from flagrelease.patching.series_digest import series_digest

FOLDER: Final = "patch-checks"
"""Its name in the home folder; `gc` removes it."""

AT_BASE: Final = "base"
_NO_CLONE: Final = "no clone of the component was named: pass --repo"


class CheckCache:
    """What was found, by the content of the set and the commit. Losing any of it costs time and nothing else."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def get(self, stored: StoredSet, against: str) -> Checked | None:
        """What was found before, by the same code, of the same files, at the same commit."""
        with contextlib.suppress(OSError, ValidationError):
            found = Checked.model_validate_json(self._path(stored, against).read_bytes())
            if (found.component, found.chip) == (stored.component, stored.chip):
                return found
        return None

    def put(self, stored: StoredSet, against: str, checked: Checked) -> None:
        """Keep it, unless the disk forbids it.

        Of a sealed set nothing is kept: what is found depends on who looks, and on whose signature they trust.
        """
        if not isinstance(checked.finding, Applies | OtherTree | AlreadyUpstream | Conflicts) or stored.is_sealed:
            return
        path = self._path(stored, against)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            mark(self._folder.parent)
            beside.write_bytes(canonical_json(checked))
            beside.replace(path)

    def _path(self, stored: StoredSet, against: str) -> Path:
        key = hashlib.sha256(f"{_code()} {stored.content} {against}".encode()).hexdigest()
        return self._folder / f"{key}.json"


def check_set(
    stored: StoredSet,
    repository: Repository | None,
    *,
    against: str | None = None,
    opener: Opener | None = None,
    kept: CheckCache | None = None,
) -> Checked:
    """Check one set, in a temporary index; nothing is written into the clone.

    Args:
        stored: The set.
        repository: A clone of its component.
        against: A commit by all its digits; None means the set's base.
        opener: Opens sealed patches.
        kept: Where earlier findings are.
    """
    known = kept.get(stored, against or AT_BASE) if kept else None
    if known:
        return known
    digest, base, count = None, stored.base, 0
    try:
        with no_words_of(stored):
            series = stored.series
            digest, base, count = series_digest(series), series.base, len(series.patches)
            finding = told(stored, _finding(stored, repository, against, opener))
    except RefusedPatchError as error:
        finding = Refused(reason=error.reason, text=error.message)
    except SourceError as error:
        finding = Refused(reason="damaged", text=error.message)
    checked = Checked(
        component=stored.component,
        base=base,
        chip=stored.chip,
        against=against or base,
        digest=digest,
        patches=count,
        finding=finding,
    )
    if kept:
        kept.put(stored, against or AT_BASE, checked)
    return checked


def _finding(stored: StoredSet, repository: Repository | None, against: str | None, opener: Opener | None) -> Finding:
    if repository is None:
        needs = _opened(stored, opener)
        return needs if isinstance(needs, NeedsKey) else BaseUnknown(reason=_NO_CLONE)
    with temporary_index(repository) as index, index.begun(against or stored.base) as begun:
        # Git reads the tree while the patches are read here.
        patches = _opened(stored, opener)
        if isinstance(patches, NeedsKey):
            return patches
        found = begun.done()
        series = stored.series
        if found is None or (against is None and found[0] != series.base):
            cut = "; its history is cut off: fetch with full depth" if repository.is_shallow else ""
            return BaseUnknown(reason=f"{repository.top} has no commit {series.base}{cut}")
        return _applied(stored, index, found, patches, is_base=against in (None, series.base))


def _opened(stored: StoredSet, opener: Opener | None) -> list[Patch] | NeedsKey:
    try:
        return stored.patches(opener)
    except NeedsKeyError:
        # Only who could open it is asked for: that takes no key, and cryptography takes long to load.
        from flagrelease.adapters.sealed.set_folder import needed_keys  # noqa: PLC0415 - as said

        return NeedsKey(keys=needed_keys(stored.folder))


def _applied(
    stored: StoredSet, index: Index, at: tuple[str, str], patches: Sequence[Patch], *, is_base: bool
) -> Finding:
    series, (commit, tree) = stored.series, at
    fix = series.whitespace == "fix"
    made = apply_series(index, tree, patches, fix=fix, is_read=True)
    if made is None:
        return why_not(index, (series.base, None if is_base else commit), tree, patches, fix=fix)
    if is_base and made != series.result_tree:
        return OtherTree(wanted=series.result_tree, tree=made)
    return Applies(tree=made)


@cache
def _code() -> str:
    """The modules that decide what is found, by size and time of change; looked at once a process."""
    package = Path(flagrelease.__file__).parent
    parts = [flagrelease.__version__]
    for folder in ("patching", "adapters/git"):
        modules = [(entry.name, entry.stat()) for entry in os.scandir(package / folder) if entry.name.endswith(".py")]
        parts += [f"{name} {found.st_size} {found.st_mtime_ns}" for name, found in sorted(modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
