"""A set applied to its base and written into a folder: all of it, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.conflicts import why_not
from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.worktree import Marker, check_free, write_tree
from flagrelease.adapters.patches.sets import Opener, StoredSet
from flagrelease.adapters.patches.words import no_words_of, told
from flagrelease.domain.patch_series import Series
from flagrelease.errors import SourceError
from flagrelease.patching.report import Conflicts, conflict_lines
from flagrelease.patching.series_digest import series_digest


@dataclass(frozen=True, kw_only=True)
class Written:
    """What lies in a folder now."""

    folder: Path
    tree: str
    base: str
    digest: str
    patches: int


def apply_set(
    stored: StoredSet,
    repository: Repository,
    folder: Path,
    *,
    tree_at: str = ".",
    opener: Opener | None = None,
    force: bool = False,
) -> Written:
    """Write the base with the set applied.

    Args:
        stored: The set.
        repository: A clone of its component; nothing in it changes.
        folder: Where to; it is new, or was written by this before.
        tree_at: The folder below it that gets the tree.
        opener: Opens sealed patches.
        force: Drop what somebody edited in a folder that was written by this before.

    Raises:
        SourceError: anything is not as recorded; `folder` is as it was then.
    """
    check_free(folder)
    with no_words_of(stored), temporary_index(repository) as index, index.begun(stored.base) as begun:
        series, patches = stored.series, stored.patches(opener)
        found = begun.done()
        if found is None or found[0] != series.base:
            cut = "its history is cut off: fetch with full depth" if repository.is_shallow else "fetch it from upstream"
            raise SourceError(f"wanted the commit {series.base} in {repository.top}, found none", hint=cut)
        made = apply_series(index, found[1], patches, fix=series.whitespace == "fix", is_read=True)
        if made is None:
            raise _does_not_apply(stored, index, found, patches)
        if made != series.result_tree:
            raise SourceError(
                f"{stored.name} makes the tree {made}, recorded is {series.result_tree}",
                hint="the set is not the one that was recorded: take it again, or `patch add` it anew",
            )
        marker = _marker(series, made, tree_at)
        write_tree(index, marker, folder, force=force)
    return Written(folder=folder / tree_at, tree=made, base=series.base, digest=marker.series, patches=len(patches))


def _marker(series: Series, tree: str, tree_at: str) -> Marker:
    return Marker(
        schema="flagrelease.patched/v1",
        component=series.component,
        base=series.base,
        chip=series.chip,
        series=series_digest(series),
        tree=tree,
        tree_at=tree_at,
    )


def _does_not_apply(stored: StoredSet, index: Index, at: tuple[str, str], patches: Sequence[Patch]) -> SourceError:
    base, tree = at
    found = told(stored, why_not(index, (base, None), tree, patches, fix=stored.series.whitespace == "fix"))
    lines = [text for one in found.conflicts for text in conflict_lines(one)] if isinstance(found, Conflicts) else []
    return SourceError(
        "\n".join([f"{stored.name} does not apply to its base {base}", *(f"  {line}" for line in lines)]),
        hint="take the set again",
    )
