"""A series applied in a temporary index, and what came out held against what was read in its patches."""

from collections.abc import Sequence
from dataclasses import dataclass

from flagrelease.adapters.git.index import Entry, Index
from flagrelease.patching.diff_values import Diff, RefusedPatchError
from flagrelease.patching.hostile import (
    GITLINK,
    MOST_MADE_BY_SET,
    SYMLINK,
    check_attributes,
    check_links,
    check_made,
    check_mode,
    check_symlink,
)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A patch file that was read: its name, and what it does."""

    name: str
    diff: Diff


def apply_series(
    index: Index, tree: str, patches: Sequence[Patch], *, fix: bool = False, is_read: bool = False
) -> str | None:
    """The tree that comes out of a tree with every patch applied; None where one does not apply.

    Args:
        index: A temporary index.
        tree: What the patches are applied to.
        patches: The series.
        fix: Mend white space, as `git apply --whitespace=fix`.
        is_read: The index is that of the tree already.

    Raises:
        RefusedPatchError: what came out has something that no patch may make.
    """
    check_made(patch.diff for patch in patches)
    check_links((patch.name, patch.diff) for patch in patches)
    if not is_read:
        index.read(tree)
    if index.apply([patch.diff.for_git for patch in patches], fix=fix).status:
        return None
    return checked_tree(index, tree, patches)


def is_in(index: Index, tree: str, patches: Sequence[Patch]) -> bool:
    """Whether every patch can be taken back from the tree, the last first: it has them all."""
    index.read(tree)
    return index.apply([patch.diff.for_git for patch in reversed(patches)], reverse=True).status == 0


def checked_tree(index: Index, before: str, patches: Sequence[Patch]) -> str:
    """The tree of the index, after it was held against what no patch may do, once more and on its own.

    Reading a patch and applying it are two programs. Where they would understand it differently, this one sees it.

    Raises:
        RefusedPatchError: the index differs from the tree before in something that no patch may make.
    """
    made, entries = index.write_and_compare(before)
    # These were looked at when they were read.
    named = {path for patch in patches for change in patch.diff.changes for path in change.paths}
    for entry in entries:
        if entry.path not in named:
            raise RefusedPatchError("unread-path", repr(entry.path)[1:])
        if GITLINK in (entry.new_mode, entry.old_mode):
            raise RefusedPatchError("gitlink", f"{entry.path.decode(errors='replace')} is another repository")
        if entry.new_mode:
            check_mode(entry.new_mode)
    _check_contents(index, entries)
    _check_copies(index, entries, patches)
    return made


def _check_copies(index: Index, entries: Sequence[Entry], patches: Sequence[Patch]) -> None:
    """A copy is a line in a patch, and a file on the disk, however large."""
    copied = {change.new_path for patch in patches for change in patch.diff.changes if change.kind == "copy"}
    made = sum(index.sizes([entry.new_id for entry in entries if entry.path in copied and entry.new_mode]))
    if made > MOST_MADE_BY_SET:
        raise RefusedPatchError("bomb", f"the copied files of the set come to {made:,} bytes")


def _check_contents(index: Index, entries: Sequence[Entry]) -> None:
    links = [one for one in entries if one.new_mode == SYMLINK]
    rules = [one for one in entries if one.new_mode and one.path.rsplit(b"/", 1)[-1] == b".gitattributes"]
    for one, target in zip(links, index.contents([one.new_id for one in links]), strict=True):
        # One that is only moved is not there in a partial clone.
        check_symlink(one.path, index.content(one.new_id, "a symlink") if target is None else target)
    for one in rules:
        before = index.content(one.old_id, "a .gitattributes") if one.old_mode else b""
        known = set(before.splitlines())
        for line in index.content(one.new_id, "a .gitattributes").splitlines():
            if line not in known:
                check_attributes(line)
