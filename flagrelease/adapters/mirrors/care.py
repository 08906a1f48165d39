"""Which mirrors the bundles of a store need, and whether what is in them is sound."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from flagrelease.adapters.git.run import git
from flagrelease.adapters.mirrors.bare import Bare
from flagrelease.adapters.mirrors.mirrors import FOLDER, Mirrors
from flagrelease.adapters.mirrors.remote import as_partial
from flagrelease.adapters.mirrors.whole import noted
from flagrelease.domain.lock import LockedComponent
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError

_LONGEST_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What a bundle's lock needs of the mirrors: their folders, LFS objects, and the components themselves."""

    folders: frozenset[str]
    digests: frozenset[Digest]
    components: tuple[LockedComponent, ...]


def needed(home: Path, bundle: Path) -> Needed:
    """What the lock in a bundle's folder needs, as far as it is known here."""
    mirrors = Mirrors(home, environ={}, offline=True)
    components = tuple(_components(bundle / "1-resolve" / "lock.json"))
    kept = [mirrors.kept(one.source, one.commit) for one in components]
    return Needed(
        folders=frozenset[str]().union(*(folders for folders, _ in kept)),
        digests=frozenset[Digest]().union(*(digests for _, digests in kept)),
        components=components,
    )


def mirror_folders(home: Path) -> list[Path]:
    """Every mirror of a store."""
    return sorted((home / FOLDER).glob("*"))


def damage(folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """The mirrors that are not sound, each with what is wrong: git's own check, and what notes say is there as a whole.

    A commit that was cut is no damage: nothing says that it is whole.
    """
    for folder in folders:
        if why := _damage(Bare(folder)):
            yield folder, why


def _damage(bare: Bare) -> str:
    if not bare.folder.is_dir() or not (bare.folder / "HEAD").is_file():
        return "it is no repository"
    for commit in bare.whole_commits():
        if noted(bare.folder, commit) is None:
            return f"a pack of commit {commit} is gone or has another size"
    words = ("fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
    said = git(*words, at=bare.folder, extra={**bare.environment, **as_partial()}, timeout_s=_LONGEST_S)
    if said.status:
        line = next((one for one in said.error.splitlines() if one.strip()), said.line or f"status {said.status}")
        return f"git says {line[:200]!a}"
    for commit in bare.whole_commits():
        with suppress(SourceError):
            survey = bare.survey(commit)
            if survey and not survey.missing:
                continue
        return f"files of commit {commit} are missing"
    return ""


def _components(lock: Path) -> Iterator[LockedComponent]:
    """The components that a lock pins. A lock of another version counts for nothing: its next build makes it anew."""
    try:
        found = json.loads(lock.read_bytes()).get("components", [])
        yield from [LockedComponent.model_validate_json(json.dumps(one)) for one in found]
    except (OSError, ValueError, AttributeError, TypeError, ValidationError):
        return
