"""A set applied to its base and written into a folder: all of it, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.conflicts import why_not
from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.worktree import Marker, check_free, write_tree
from flagrelease.adapters.patch_sets import Opener, StoredSet
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
    stored: StoredSet, repository: Repository, folder: Path, *, tree_at: str = ".", opener: Opener | None = None
) -> Written:
    """Write the base with the set applied.

    Args:
        stored: The set.
        repository: A clone of its component; nothing in it changes.
        folder: Where to; it is new, or was written by this before.
        tree_at: The folder below it that gets the tree.
        opener: Opens sealed patches.

    Raises:
        SourceError: anything is not as recorded; `folder` is as it was then.
    """
    check_free(folder)
    with temporary_index(repository) as index, index.begun(stored.base) as begun:
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
        digest = series_digest(series)
        marker = Marker(
            schema="flagrelease.patched/v1",
            component=series.component,
            base=series.base,
            chip=series.chip,
            series=digest,
            tree=made,
            tree_at=tree_at,
        )
        write_tree(index, marker, folder)
    return Written(folder=folder / tree_at, tree=made, base=series.base, digest=digest, patches=len(patches))


def _does_not_apply(stored: StoredSet, index: Index, at: tuple[str, str], patches: Sequence[Patch]) -> SourceError:
    base, tree = at
    found = why_not(index, (base, None), tree, patches, fix=stored.series.whitespace == "fix")
    lines = [text for one in found.conflicts for text in conflict_lines(one)] if isinstance(found, Conflicts) else []
    # Of a sealed patch, no line of its own is shown.
    told = [f"  {line}" for line in (lines[:1] if stored.is_sealed else lines)]
    return SourceError(
        "\n".join([f"{stored.name} does not apply to its base {base}", *told]), hint="take the set again"
    )
