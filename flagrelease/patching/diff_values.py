"""What a diff in git's format says, as values; and the error of one that is refused."""

from dataclasses import dataclass
from typing import Literal

from flagrelease.errors import SourceError

_BLANK, _DELETE = 0x20, 0x7F

Kind = Literal["add", "delete", "modify", "rename", "copy"]


class RefusedPatchError(SourceError):
    """A patch that is not applied, whatever it is applied to. `reason` is one of `hostile.REASONS`."""

    def __init__(self, reason: str, what: str, *, line: int = 0, patch: str = "") -> None:
        at = f"{patch or 'patch'}:{line}: " if line else f"{patch}: " if patch else ""
        hint = f"`{reason}` is never applied; ask whoever made the patch for one without it"
        super().__init__(f"{at}refused ({reason}): {what}", hint=hint)
        self.reason = reason
        self.what = what
        self.line = line
        self.patch = patch

    def within(self, patch: str) -> "RefusedPatchError":
        """The same, with the patch file it is about."""
        return RefusedPatchError(self.reason, self.what, line=self.line, patch=patch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunk:
    """Lines `begin` to `end` of the patch's bytes, as offsets: all that stands below the `@@` line."""

    line: int
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    begin: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChange:
    """What a diff does to one file. Paths are as bytes, since git's are; both are the same unless it is renamed.

    `old_id` is the blob that it is made for, where the diff names it with all digits, as one of a binary file has to.
    """

    line: int
    kind: Kind
    old_path: bytes
    new_path: bytes
    old_mode: int | None = None
    new_mode: int | None = None
    old_id: str | None = None
    hunks: tuple[Hunk, ...] = ()
    is_binary: bool = False
    begin: int
    end: int

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The paths it names, each once."""
        return (self.old_path,) if self.old_path == self.new_path else (self.old_path, self.new_path)


@dataclass(frozen=True, kw_only=True)
class Diff:
    """A patch file as it was read: its preamble for people, and the changes, which are all that git is given.

    `made`: bytes that its binary files come to.
    """

    data: bytes
    preamble: bytes
    changes: tuple[FileChange, ...]
    made: int = 0

    @property
    def for_git(self) -> bytes:
        """The changes and nothing between them: what was read here is what git reads.

        Names with blanks are put in quotes in the first line: git itself cannot always tell where one ends.
        """
        return b"".join(map(self._for_git, self.changes))

    def _for_git(self, change: FileChange) -> bytes:
        if b" " not in change.old_path + change.new_path:
            return self.data[change.begin : change.end]
        rest = self.data.index(b"\n", change.begin)
        names = quoted(b"a/" + change.old_path), quoted(b"b/" + change.new_path)
        return b"diff --git %b %b" % names + self.data[rest : change.end]

    def old_lines(self, hunk: Hunk) -> list[bytes]:
        """What the hunk wants to find, line by line."""
        return _side(self.lines(hunk), b"-")

    def new_lines(self, hunk: Hunk) -> list[bytes]:
        """What the hunk leaves behind, line by line."""
        return _side(self.lines(hunk), b"+")

    def lines(self, hunk: Hunk) -> list[bytes]:
        """The lines of a hunk with their marks, split at line feeds alone: a carriage return is content."""
        return [line + b"\n" for line in self.data[hunk.begin : hunk.end].removesuffix(b"\n").split(b"\n")]


def quoted(name: bytes) -> bytes:
    """A name in quotes, as git writes those that it cannot write plainly."""
    escaped = (b"\\%03o" % byte if not _BLANK <= byte < _DELETE or byte in b'"\\' else bytes([byte]) for byte in name)
    return b'"' + b"".join(escaped) + b'"'


def _side(lines: list[bytes], mark: bytes) -> list[bytes]:
    found: list[bytes] = []
    was_ours = False
    for line in lines:
        if line[:1] == b"\\":
            if was_ours:
                found[-1] = found[-1].removesuffix(b"\n")
            continue
        was_ours = line[:1] in (mark, b" ", b"\n")
        if was_ours:
            found.append(line[1:] if line != b"\n" else line)
    return found
