"""Moves in a diff, spelled so that git sees what it moves."""

from flagrelease.adapters.git.index import Index
from flagrelease.patching.diff_values import Diff


def with_modes_of_moves(index: Index, tree: str, diff: Diff) -> bytes:
    """The diff, with an `index` line below every file that is only moved: it names the mode of what is moved.

    `git diff` writes none where the content stays, so that `git apply` takes a symlink for a file. Then it does not
    see that the symlink goes away, and refuses its own diff of a folder that takes the place ("beyond a symbolic
    link"). Moves of what the tree does not have are left as they are.

    Args:
        index: A temporary index; it is that of the tree afterwards.
        tree: What the diff is made for.
        diff: As it was read.
    """
    index.read(tree)
    moves = [one for one in diff.changes if one.kind == "rename" and not one.hunks and one.old_mode is None]
    there = index.entries([one.old_path for one in moves])
    lines = {
        one.end: b"index %s..%s %o\n" % (blob.id.encode(), blob.id.encode(), blob.mode)
        for one in moves
        if not one.is_binary and (blob := there.get(one.old_path))
    }
    return b"".join(diff.data[one.begin : one.end] + lines.get(one.end, b"") for one in diff.changes)
