"""Reads diffs in git's format, strictly: every byte from the first `diff --git` on belongs to a diff or is refused.

What is handed to git is cut from the bytes that were read here, so git finds nothing in a patch that was not looked at.
"""

import re
from typing import Final

from flagrelease.patching.binary import BINARY, read_block
from flagrelease.patching.diff_values import Diff, FileChange, Hunk, RefusedPatchError
from flagrelease.patching.file_header import FileHeader, checked_change
from flagrelease.patching.hostile import MOST_BYTES, MOST_FILES, MOST_HUNKS, MOST_MADE

_DIFF: Final = b"diff --git "
_HUNK: Final = re.compile(
    rb"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@(?: [^\n]*)?(?:\r?\n|\Z)"
)
_OTHER: Final = re.compile(rb"^--- [^\n]+\n\+\+\+ [^\n]+\n@@ -", re.MULTILINE)
_SIGNATURE: Final = re.compile(rb"-- \n(?:[0-9A-Za-z][ -~]{0,60}\n)?\n*\Z")
_RUN: Final = re.compile(rb"(?:[ +-][^\n]*+\n|\n|\\ [^\n]{10,}+\n)*+")
"""Lines that a hunk may have. Possessive: to go back to, each line would take some 180 bytes of memory."""

_SPACE, _MINUS, _PLUS, _EMPTY, _REMARK = b" -+\n\\"
_SHORTEST_REMARK: Final = 12


def read_diff(data: bytes) -> Diff:
    """The diffs of a patch file. Raises RefusedPatchError with the line where it is refused."""
    if len(data) > MOST_BYTES:
        raise RefusedPatchError("too-large", f"{len(data):,} bytes, at most {MOST_BYTES:,}")
    at = 0 if data.startswith(_DIFF) else data.find(b"\n" + _DIFF) + 1
    if not data.startswith(_DIFF, at):
        raise RefusedPatchError("no-git-diff", "wanted a line `diff --git a/… b/…`", line=1)
    preamble = data[:at]
    if other := _OTHER.search(preamble):
        raise RefusedPatchError("diff-outside", "before the first", line=preamble.count(b"\n", 0, other.start()) + 1)
    reader = _Reader(data, at, preamble.count(b"\n") + 1)
    changes = tuple(reader.changes())
    return Diff(data=data, preamble=preamble, changes=changes, made=reader.made)


class _Reader:
    """A place in the patch, and how much of everything there was."""

    def __init__(self, data: bytes, at: int, number: int) -> None:
        self._data, self._at, self._number = data, at, number
        self._hunks = 0
        self.made = 0

    def changes(self) -> list[FileChange]:
        found: list[FileChange] = []
        while line := self._line():
            if line.startswith(_DIFF):
                found.append(self._change(line))
                if len(found) > MOST_FILES:
                    raise RefusedPatchError("too-many-files", f"at most {MOST_FILES:,}", line=self._number)
            elif line == b"\n":
                self._next(line)
            elif _SIGNATURE.match(self._data, self._at):
                break
            else:
                goes_on = line[:1] in b" +-\\@" and not line.startswith(b"-- ") and found and found[-1].hunks
                reason = "bad-hunk" if goes_on else "unexpected-line"
                raise RefusedPatchError(reason, repr(line[:200])[1:], line=self._number)
        return found

    def _line(self) -> bytes:
        """The line here, with its end; nothing at the end."""
        end = self._data.find(b"\n", self._at)
        return self._data[self._at :] if end < 0 else self._data[self._at : end + 1]

    def _next(self, line: bytes) -> None:
        self._at += len(line)
        self._number += 1

    def _change(self, first: bytes) -> FileChange:
        begin, number = self._at, self._number
        header = FileHeader(first.removesuffix(b"\n")[len(_DIFF) :], number)
        self._next(first)
        while (line := self._line()) and header.takes(line, self._number):
            self._next(line)
        if header.is_half:
            raise RefusedPatchError("truncated", "wanted `+++ …`", line=self._number)
        hunks: list[Hunk] = []
        is_binary = line == BINARY
        if is_binary:
            self._binary(line)
        elif header.has_files:
            while found := _HUNK.match(self._data, self._at):
                hunks.append(self._hunk(found))
            if not hunks:
                reason = "bad-hunk" if self._line() else "truncated"
                raise RefusedPatchError(reason, "wanted a line `@@ -… +… @@`", line=self._number)
            _check_order(hunks)
        return checked_change(header, self._data, (begin, self._at), tuple(hunks), is_binary=is_binary)

    def _hunk(self, found: "re.Match[bytes]") -> Hunk:
        number = self._number
        self._hunks += 1
        if self._hunks > MOST_HUNKS:
            raise RefusedPatchError("too-many-hunks", f"at most {MOST_HUNKS:,}", line=number)
        old_at, old, new_at, new = found.groups()
        old_start, old_count, new_start, new_count = int(old_at), int(old or 1), int(new_at), int(new or 1)
        self._at = begin = found.end()
        self._number = number + 1
        self._body(old_count, new_count)
        return Hunk(
            line=number,
            old_start=old_start,
            old_count=old_count,
            new_start=new_start,
            new_count=new_count,
            begin=begin,
            end=self._at,
        )

    def _body(self, old: int, new: int) -> None:
        """Step over as many lines as the hunk declares."""
        run = _RUN.match(self._data, self._at)
        lines = b"\n" + run[0] if run else b""
        plus, minus, remarks = lines.count(b"\n+"), lines.count(b"\n-"), lines.count(b"\n\\")
        count = lines.count(b"\n") - 1
        both = count - plus - minus - remarks
        if (both + minus, both + plus) == (old, new):
            self._at, self._number = self._at + len(lines) - 1, self._number + count
        else:
            # Something follows that looks like a line of it, a mail's `-- ` perhaps; or it is wrong.
            self._counted(old, new)

    def _counted(self, old: int, new: int) -> None:
        data, find, at, number = self._data, self._data.find, self._at, self._number
        while old or new or data.startswith(b"\\ ", at):
            end = find(b"\n", at)
            if end < 0:
                raise RefusedPatchError("truncated", "it ends within a hunk", line=number)
            mark = data[at]
            if mark in (_SPACE, _EMPTY):
                old, new = old - 1, new - 1
            elif mark == _MINUS:
                old -= 1
            elif mark == _PLUS:
                new -= 1
            elif mark != _REMARK or end - at < _SHORTEST_REMARK or data[at + 1] != _SPACE:
                raise RefusedPatchError("bad-hunk", repr(data[at : min(end, at + 200)])[1:], line=number)
            if old < 0 or new < 0:
                raise RefusedPatchError("bad-hunk", "there are more lines than it declares", line=number)
            at, number = end + 1, number + 1
        self._at, self._number = at, number

    def _binary(self, line: bytes) -> None:
        self._next(line)
        for is_reverse in (False, True):
            block = read_block(self._data, self._at, self._number, room=MOST_MADE - self.made)
            if block is None:
                if is_reverse:
                    return
                raise RefusedPatchError("bad-binary", "wanted `literal` or `delta` and a size", line=self._number)
            self._at, self._number = block.end, self._number + block.lines
            self.made += block.made


def _check_order(hunks: list[Hunk]) -> None:
    end = 0
    for hunk in hunks:
        # Without old lines, a hunk goes behind the line that it names.
        begin = hunk.old_start + (0 if hunk.old_count else 1)
        if begin < end:
            what = f"the hunk begins at line {begin} of the file, the one before it ends at {end - 1}"
            raise RefusedPatchError("hunks-overlap", what, line=hunk.line)
        end = begin + hunk.old_count
