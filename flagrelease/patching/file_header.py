"""What stands above the hunks of one file: its names, modes and what becomes of it, held against each other."""

import re
from typing import Final

from flagrelease.patching.diff_values import Diff, FileChange, Hunk, Kind, RefusedPatchError
from flagrelease.patching.git_names import header_names, whole_name
from flagrelease.patching.hostile import MOST_READ, SYMLINK, check_attributes, check_mode, check_path, check_symlink

_MODES: Final = {b"old mode ": "old", b"new mode ": "new", b"new file mode ": "add", b"deleted file mode ": "delete"}
_NAMES: Final = {b"rename from ", b"rename to ", b"copy from ", b"copy to "}
_REMARKS: Final = re.compile(rb"(?:dis)?similarity index [0-9]{1,3}%\Z")
_INDEX: Final = re.compile(rb"index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: ([0-7]{6}))?\Z")
_NO_CONTENT: Final = re.compile(rb"Binary files .* differ\Z")
_NOWHERE: Final = b"/dev/null"
_TYPE: Final = 0o170000
_FULL: Final = (40, 64)


class FileHeader:
    """Takes the lines of a header one after the other; each may be there once."""

    def __init__(self, names: bytes, line: int) -> None:
        if names.endswith(b"\r"):
            raise RefusedPatchError(
                "crlf", "save it again with LF alone; `--keep-cr` where a mail carried it", line=line
            )
        self.line = line
        self.raw = names
        self.names = header_names(names, line)
        self.modes: dict[str, int] = {}
        self.moved: dict[bytes, bytes] = {}
        self.files: dict[bytes, bytes] = {}
        self.index_mode: int | None = None
        self.old_id: str | None = None
        self._seen: set[bytes] = set()

    @property
    def has_files(self) -> bool:
        """Whether `---` and `+++` were there, so that hunks have to follow."""
        return len(self.files) == 2  # noqa: PLR2004 - both sides

    @property
    def is_half(self) -> bool:
        """Whether it ended behind `---`."""
        return len(self.files) == 1

    def takes(self, line: bytes, number: int) -> bool:
        """Whether the line belongs to the header. Raises RefusedPatchError where it contradicts another."""
        text = line.removesuffix(b"\n")
        if self.has_files:
            return False
        if text.endswith(b"\r"):
            raise RefusedPatchError("crlf", "save it again with LF alone", line=number)
        if _NO_CONTENT.match(text):
            raise RefusedPatchError("binary-without-content", "make it with `git diff --binary`", line=number)
        for prefix in (b"--- ", b"+++ "):
            if text.startswith(prefix):
                if (prefix == b"+++ ") != (b"--- " in self.files):
                    raise RefusedPatchError("unexpected-line", repr(text[:200])[1:], line=number)
                self.files[prefix] = whole_name(text[len(prefix) :].removesuffix(b"\t"), number)
                return True
        if b"--- " in self.files:
            raise RefusedPatchError("unexpected-line", "wanted `+++ …`", line=number)
        return self._extended(text, number)

    def _extended(self, text: bytes, number: int) -> bool:
        key = next((key for key in (*_MODES, *_NAMES) if text.startswith(key)), b"")
        index = _INDEX.match(text)
        key = key or (b"index" if index else b"similarity" if _REMARKS.match(text) else b"")
        if not key:
            return False
        if key in self._seen:
            raise RefusedPatchError("unexpected-line", f"a second {text[:200]!r}", line=number)
        self._seen.add(key)
        if key in _MODES:
            self.modes[_MODES[key]] = _mode(text[len(key) :], number)
        elif key in _NAMES:
            self.moved[key] = whole_name(text[len(key) :], number)
        elif index:
            is_full = len(index[1]) in _FULL and len(index[2]) in _FULL
            self.old_id = index[1].decode() if is_full else None
            if index[3]:
                self.index_mode = _mode(index[3], number)
        return True

    @property
    def kind(self) -> Kind:
        """What becomes of the file."""
        found: list[Kind] = [word for word in ("add", "delete") if word in self.modes]
        for words, kind in (((b"rename from ", b"rename to "), "rename"), ((b"copy from ", b"copy to "), "copy")):
            there = [word in self.moved for word in words]
            if any(there) and not all(there):
                raise RefusedPatchError("names-disagree", f"only half of a {kind}", line=self.line)
            if all(there):
                found.append("rename" if kind == "rename" else "copy")
        if len(found) > 1 or (found and found[0] in ("add", "delete") and {"old", "new"} & set(self.modes)):
            raise RefusedPatchError("names-disagree", "it is more than one of new, deleted, moved", line=self.line)
        return found[0] if found else "modify"

    def paths(self, kind: Kind) -> tuple[bytes, bytes]:
        """Both names, as all of its lines agree on."""
        old, new = self.names or (b"", b"")
        if kind in ("rename", "copy"):
            old, new = self.moved[kind.encode() + b" from "], self.moved[kind.encode() + b" to "]
            if (self.names or (old, new)) != (old, new) or (
                self.names is None and self.raw != b"a/%b b/%b" % (old, new)
            ):
                raise RefusedPatchError("names-disagree", repr(self.raw[:200])[1:], line=self.line)
        elif self.names is None or old != new:
            raise RefusedPatchError("names-disagree", repr(self.raw[:200])[1:], line=self.line)
        wanted = {
            b"--- ": _NOWHERE if kind == "add" else b"a/" + old,
            b"+++ ": _NOWHERE if kind == "delete" else b"b/" + new,
        }
        if self.has_files and self.files != wanted:
            raise RefusedPatchError("names-disagree", f"{sorted(self.files.values())!r}", line=self.line)
        return old, new


def _mode(text: bytes, number: int) -> int:
    if not re.fullmatch(rb"[0-7]{6}", text):
        raise RefusedPatchError("mode", repr(text[:200])[1:], line=number)
    mode = int(text, 8)
    check_mode(mode, line=number)
    return mode


def checked_change(
    header: FileHeader, data: bytes, span: tuple[int, int], hunks: tuple[Hunk, ...], *, is_binary: bool
) -> FileChange:
    """The change that a header and its hunks make, refused where it does what no patch may."""
    kind = header.kind
    old, new = header.paths(kind)
    for path in {old, new}:
        check_path(path, line=header.line)
    old_mode = header.modes.get("delete", header.modes.get("old", header.index_mode))
    new_mode = header.modes.get("add", header.modes.get("new", header.index_mode))
    change = FileChange(
        line=header.line,
        kind=kind,
        old_path=old,
        new_path=new,
        old_mode=None if kind == "add" else old_mode,
        new_mode=None if kind == "delete" else new_mode,
        old_id=header.old_id,
        hunks=hunks,
        is_binary=is_binary,
        begin=span[0],
        end=span[1],
    )
    _check_shape(header, change)
    _check_content(change, Diff(data=data, preamble=b"", changes=()))
    return change


def _check_shape(header: FileHeader, change: FileChange) -> None:
    if change.kind == "modify" and not change.hunks and not change.is_binary and "new" not in header.modes:
        raise RefusedPatchError("null-diff", repr(change.new_path)[1:], line=change.line)
    if change.old_mode and change.new_mode and (change.old_mode ^ change.new_mode) & _TYPE:
        what = f"{change.old_mode:o} becomes {change.new_mode:o}"
        raise RefusedPatchError("type-change", what, line=change.line)
    if ("old" in header.modes) != ("new" in header.modes):
        raise RefusedPatchError("mode", "only one of old mode and new mode", line=change.line)
    if change.is_binary and not change.old_id:
        raise RefusedPatchError("bad-binary", "make it with `git diff --binary --full-index`", line=change.line)
    for hunk in change.hunks:
        from_nothing, to_nothing = change.kind == "add", change.kind == "delete"
        if (from_nothing and hunk.old_count) or (to_nothing and hunk.new_count):
            raise RefusedPatchError("bad-hunk", f"a {change.kind} that keeps lines", line=hunk.line)


def _check_content(change: FileChange, diff: Diff) -> None:
    """Symlinks by their targets, .gitattributes by its lines: moved or packed, neither can be looked at."""
    if change.kind == "delete":
        return
    name = change.new_path.rsplit(b"/", 1)[-1]
    is_attributes = name == b".gitattributes"
    moved_there = change.kind in ("rename", "copy") and change.old_path.rsplit(b"/", 1)[-1] != name
    if is_attributes and (change.is_binary or moved_there or change.new_mode == SYMLINK):
        raise RefusedPatchError("attributes", "a .gitattributes whose lines are not in the patch", line=change.line)
    if change.new_mode == SYMLINK and change.is_binary:
        raise RefusedPatchError("symlink-outside", "a symlink's target as binary", line=change.line)
    if change.new_mode == SYMLINK and change.kind == "add" and not change.hunks:
        raise RefusedPatchError("symlink-outside", "a symlink to nothing", line=change.line)
    if change.new_mode == SYMLINK or is_attributes:
        for hunk in change.hunks:
            _check_lines(change, hunk, diff)


def _check_lines(change: FileChange, hunk: Hunk, diff: Diff) -> None:
    if hunk.end - hunk.begin > MOST_READ:
        what = f"a symlink or .gitattributes of more than {MOST_READ:,} bytes"
        raise RefusedPatchError("too-large", what, line=hunk.line)
    if change.new_mode == SYMLINK:
        check_symlink(change.new_path, b"".join(diff.new_lines(hunk)), line=hunk.line)
    else:
        for text in diff.lines(hunk):
            if text.startswith(b"+"):
                check_attributes(text[1:], line=hunk.line)
