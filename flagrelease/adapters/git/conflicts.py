"""Why a series does not apply: patch by patch, the hunk, what stands nearest to it, and who changed that upstream."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias

from flagrelease.adapters.git.apply import Patch, checked_tree, is_in
from flagrelease.adapters.git.history import first_commit_that
from flagrelease.adapters.git.index import Blob, Index
from flagrelease.patching.diff_values import FileChange, Hunk
from flagrelease.patching.hostile import GITLINK, MOST_BYTES, MOST_READ, SYMLINK
from flagrelease.patching.near import fits, nearest
from flagrelease.patching.report import AlreadyUpstream, Applies, Conflict, Conflicts

_MOST_CONFLICTS: Final = 20
_AROUND: Final = 2
_WIDTH: Final = 160
_TYPE: Final = 0o170000
_Breaks: TypeAlias = Callable[[bytes | None], bool]
"""What is asked of the file's content at each commit; None where the file is not there."""


def why_not(
    index: Index, commits: tuple[str, str | None], tree: str, patches: Sequence[Patch], *, fix: bool
) -> Conflicts | Applies | AlreadyUpstream:
    """Apply one patch after the other, leaving out those that upstream has, and look into those that do not fit.

    At its base no patch may be left out: what its vendor recorded came of all of them.

    Args:
        index: A temporary index.
        commits: The base of the set, and the commit that it is applied to where that is another one.
        tree: The tree that it is applied to.
        patches: The series.
        fix: Whether white space is mended.
    """
    at_base = commits[1] is None
    if not at_base and is_in(index, tree, patches):
        return AlreadyUpstream()
    index.read(tree)
    retired, conflicts, applied = [], list[Conflict](), list[Patch]()
    for patch in patches:
        if index.apply([patch.diff.for_git], fix=fix).status == 0:
            applied.append(patch)
        elif index.apply([patch.diff.for_git], reverse=True).status == 0:
            # Taken back: it was there. Put it in again, for those that build on it.
            index.apply([patch.diff.for_git])
            retired.append(patch.name)
            if at_base:
                conflicts += _Look(index, commits, patch).whole("the base has it already")
        else:
            conflicts += _Look(index, commits, patch).conflicts(_MOST_CONFLICTS - len(conflicts))
    if not conflicts and len(applied) + len(retired) == len(patches):
        return Applies(tree=checked_tree(index, tree, patches), retired=tuple(retired))
    return Conflicts(conflicts=tuple(conflicts), fits=len(applied), of=len(patches), retired=tuple(retired))


class _Look:
    """Looks at one patch that does not apply to the index as it is."""

    def __init__(self, index: Index, commits: tuple[str, str | None], patch: Patch) -> None:
        self._index, self._commits, self._patch = index, commits, patch

    def whole(self, reason: str) -> list[Conflict]:
        """One conflict for all of the patch."""
        return [self._conflict(self._patch.diff.changes[0], reason)]

    def conflicts(self, most: int) -> list[Conflict]:
        """At most so many. Where nothing is seen, git's own words."""
        diff, found = self._patch.diff, list[Conflict]()
        if most <= 0:
            return found
        wanted = [path for change in diff.changes for path in _with_parents(change.paths)]
        blobs = self._index.entries(wanted)
        for change in diff.changes:
            if len(found) >= most:
                break
            found += islice(self._of_file(change, blobs), most - len(found))
        if not found:
            said = self._index.apply([diff.for_git]).error.strip().splitlines()[:1]
            found = self.whole(f"git refuses it: {said[0].removeprefix('error: ') if said else 'without a word'}")
        return found

    def _of_file(self, change: FileChange, blobs: dict[bytes, Blob]) -> Iterable[Conflict]:  # noqa: PLR0911 - a table
        for path in change.paths:
            above = [blobs[part] for part in _with_parents((path,))[1:] if part in blobs]
            if any(blob.mode == SYMLINK for blob in above):
                return [self._conflict(change, "its path leads through a symlink (through-symlink)")]
            if above:
                return [self._conflict(change, "a file stands where a folder is wanted")]
        blob = blobs.get(change.old_path)
        if change.kind == "add":
            return [self._conflict(change, "the file that it adds is there already")] if blob else []
        if blob is None:
            return [self._conflict(change, "the file is not there", lambda now: now is None)]
        if blob.mode == GITLINK or (change.old_mode and (blob.mode ^ change.old_mode) & _TYPE):
            return [self._conflict(change, f"its mode is {blob.mode:o}")]
        if change.kind in ("rename", "copy") and change.new_path in blobs:
            return [self._conflict(change, f"where it is moved to, a file is already: {_text(change.new_path)}")]
        if change.is_binary and change.old_id == blob.id:
            return []
        if change.is_binary:
            before = self._index.contents([f"{self._commits[0]}:{change.old_path.decode()}"])[0]
            return [self._conflict(change, "the binary file is another one", lambda now: now != before)]
        return self._of_hunks(change, self._index.content(blob.id, "a file that the set changes"))

    def _of_hunks(self, change: FileChange, content: bytes) -> Iterator[Conflict]:
        """One after the other, as far as they are asked for: there may be thousands, and each costs a search."""
        lines = _lines(content) if len(content) <= MOST_BYTES else []
        for hunk in change.hunks:
            if not lines or hunk.end - hunk.begin > MOST_READ:
                yield self._conflict(change, f"too large to look for the hunk of line {hunk.old_start}")
                return
            wanted = self._patch.diff.old_lines(hunk)
            if not fits(wanted, content):
                yield self._of_hunk(change, hunk, wanted, lines)

    def _of_hunk(self, change: FileChange, hunk: Hunk, wanted: list[bytes], lines: list[bytes]) -> Conflict:
        near = nearest(wanted, lines, hunk.old_start)
        at = near.line - 1 + near.first_other
        around = lines[max(0, at - _AROUND) : at + _AROUND + 1]
        text = f"@@ -{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@"
        conflict = self._conflict(
            change,
            "the lines that it changes are not there",
            lambda now: now is None or not fits(wanted, now),
        )
        return conflict.model_copy(
            update={
                "hunk": text,
                "found_at": near.line if near.fits else None,
                "fits": near.fits,
                "of": len(wanted),
                "wanted": _text(wanted[near.first_other]) if wanted else None,
                "found": _text(lines[at]) if near.fits and at < len(lines) else None,
                "nearest": tuple(_text(line) for line in around) if near.fits else (),
            }
        )

    def _conflict(self, change: FileChange, reason: str, breaks: _Breaks | None = None) -> Conflict:
        base, against = self._commits
        path = change.old_path.decode()
        upstream = first_commit_that(self._index, base, against, path, breaks) if breaks and against else None
        return Conflict(patch=self._patch.name, path=_text(change.old_path), reason=reason, upstream=upstream)


def _with_parents(paths: Sequence[bytes]) -> list[bytes]:
    """Each path, and every folder above it as if it were a file."""
    found = []
    for path in paths:
        parts = path.split(b"/")
        found += [b"/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return found


def _lines(content: bytes) -> list[bytes]:
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _text(data: bytes) -> str:
    shown = data.decode("utf-8", "replace").rstrip("\n")
    return "".join(character if character.isprintable() or character == "\t" else "·" for character in shown)[:_WIDTH]
