"""What no patch may do, whoever wrote it. Each refusal has an id, and a reason that names the place.

`git apply` itself refuses paths outside the tree and below symlinks, but takes absolute symlinks, other repositories,
the setuid bit, `.gitmodules` and filters in `.gitattributes`.
"""

import re
from collections.abc import Iterable
from typing import Final

from flagrelease.patching.diff_values import Diff, RefusedPatchError

REASONS: Final = {
    "no-git-diff": "there is no diff in git's format in it",
    "diff-outside": "a diff in another format stands beside those in git's",
    "unexpected-line": "a line belongs to no diff",
    "names-disagree": "the lines of one diff name different files",
    "bad-name": "a name is not spelled as git spells names",
    "outside-tree": "a path leads out of the tree",
    "git-folder": "a path leads into git's own folder, in one of the spellings that some system takes for it",
    "control-character": "a name has a character that is none",
    "backslash": "a name has a backslash, which parts folders on some systems",
    "name-not-utf8": "a name is not UTF-8",
    "name-too-long": "a name is longer than systems take",
    "gitmodules": "it changes .gitmodules, by which git fetches what it names and runs what it says",
    "attributes": "it changes .gitattributes so that a filter or a driver would run, or bytes be changed",
    "gitlink": "it adds or moves another repository",
    "setuid": "it sets a setuid, setgid or sticky bit",
    "mode": "a mode is none that git keeps",
    "type-change": "a file turns into a symlink, or the other way round",
    "symlink-outside": "a symlink leads out of the tree",
    "through-symlink": "a path leads through a symlink",
    "binary-without-content": "a binary file is named without its content",
    "bad-binary": "the content of a binary file is damaged",
    "bomb": "it would make more than a patch may make",
    "too-large": "the patch is larger than patches may be",
    "too-many-hunks": "there are more hunks than patches have",
    "too-many-files": "there are more files than patches have",
    "hunks-overlap": "hunks of one file overlap or go backwards",
    "bad-hunk": "a hunk is damaged",
    "truncated": "it ends too early",
    "crlf": "its own lines end in CR LF: a mail program or an editor changed it",
    "null-diff": "a diff changes nothing",
    "unlisted-file": "a file lies in the set's folder that its series does not list",
    "unread-path": "git would change what was not read here",
    "takes-too-long": "git took longer than a patch may take",
}
"""Every refusal by its id."""

MOST_BYTES: Final = 64 << 20
MOST_HUNKS: Final = 50_000
MOST_FILES: Final = 20_000
MOST_MADE: Final = 256 << 20
"""Bytes that the binary files of one patch may come to, and each alone."""

MOST_MADE_BY_SET: Final = 1 << 30
"""The same for all patches of a set; and bytes of the files that they copy."""

MOST_READ: Final = 1 << 20
"""Bytes of a hunk that is looked into line by line: of a symlink, of .gitattributes, or one that does not apply."""

_LONGEST_PATH, _LONGEST_NAME = 1024, 255
_REGULAR, _EXECUTABLE, SYMLINK, GITLINK = 0o100644, 0o100755, 0o120000, 0o160000
_TYPE, _SPECIAL_BITS = 0o170000, 0o007000
# What macOS leaves out of a name when it compares (git: utf8.c, next_hfs_char).
_IGNORED: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_PLAIN: Final = re.compile(r"[A-FH-Za-fh-z0-9_][A-Za-z0-9_.-]*\Z")
"""Names that no system takes for one of git's: those begin with a dot or a G."""

_GIT: Final = re.compile(r"(\.git|git~[0-9]+)\Z")
# Windows shortens to six characters and a number; to letters of a hash where there are many such names, and to fewer
# of them where the number is long (git: path.c, is_ntfs_dot_generic).
_MODULES: Final = re.compile(r"(\.gitmodules|gitmod~[0-9]+|(g|gi|gi7|gi7e|gi7eb|gi7eba)~[0-9]+)\Z")
_ATTRIBUTES: Final = re.compile(r"(\.gitattributes|gitatt~[0-9]+|(gi7d|gi7d2|gi7d29)~[0-9]+)\Z")
_IGNORE: Final = re.compile(r"(\.gitignore|\.mailmap)\Z")
_HARMLESS: Final = re.compile(
    rb"-?(text|binary|linguist-[a-z]+|export-ignore)\Z"
    rb"|text=auto\Z|eol=(lf|crlf)\Z|(diff|whitespace|linguist-[a-z]+)=[A-Za-z0-9,=_-]*\Z"
    rb"|-(diff|merge|filter|ident|whitespace|crlf)\Z|!(text|eol|diff|merge|filter|ident)\Z"
)
_BUILT_IN_DIFFS: Final = frozenset(
    b"ada bash bibtex cpp csharp css dts elixir fortran fountain golang html java kotlin markdown matlab objc pascal "
    b"perl php python ruby rust scheme tex".split()
)


def check_path(path: bytes, *, line: int = 0) -> None:
    """Refuse a path that does not stay below the tree, or that another system takes for another one."""
    shown = repr(path)[1:]
    if len(path) > _LONGEST_PATH:
        raise RefusedPatchError("name-too-long", f"a path of {len(path)} bytes, at most {_LONGEST_PATH}", line=line)
    if re.search(rb"[\x00-\x1f\x7f]", path):
        raise RefusedPatchError("control-character", f"the path {shown}", line=line)
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedPatchError("name-not-utf8", f"the path {shown}", line=line) from error
    if re.search("[\x80-\x9f\u2028\u2029]", text):
        raise RefusedPatchError("control-character", f"the path {shown}", line=line)
    if text.startswith("/") or re.match(r"[A-Za-z]:", text):
        raise RefusedPatchError("outside-tree", f"the absolute path `{text}`", line=line)
    if "\\" in text:
        raise RefusedPatchError("backslash", f"the path {shown}", line=line)
    for part in text.split("/"):
        _check_part(part, text, line)


def _check_part(part: str, path: str, line: int) -> None:
    if part in ("", ".", ".."):
        raise RefusedPatchError("outside-tree", f"the path `{path}` has the part `{part}`", line=line)
    if len(part.encode()) > _LONGEST_NAME:
        raise RefusedPatchError("name-too-long", f"a name of {len(part.encode())} bytes, at most 255", line=line)
    if _PLAIN.match(part):
        return
    folded = _as_other_systems_see_it(part)
    if _GIT.match(folded):
        raise RefusedPatchError("git-folder", f"the path {path!a}", line=line)
    if _MODULES.match(folded):
        raise RefusedPatchError("gitmodules", f"the path {path!a}", line=line)
    if part != ".gitattributes" and _ATTRIBUTES.match(folded):
        raise RefusedPatchError("attributes", f"{path!a} is another spelling of .gitattributes", line=line)


def _as_other_systems_see_it(part: str) -> str:
    """Without case, without what macOS ignores, without what Windows cuts off: streams, dots and spaces at the end."""
    return _IGNORED.sub("", part).casefold().split(":", 1)[0].rstrip(". ")


def check_mode(mode: int, *, line: int = 0) -> None:
    """Refuse every mode but those of files, programs and symlinks."""
    if mode & _TYPE == GITLINK:
        raise RefusedPatchError("gitlink", f"mode {mode:o} is another repository", line=line)
    if mode & _SPECIAL_BITS:
        raise RefusedPatchError("setuid", f"mode {mode:o}", line=line)
    if mode not in (_REGULAR, _EXECUTABLE, SYMLINK):
        raise RefusedPatchError("mode", f"mode {mode:o}; git keeps 100644, 100755 and 120000", line=line)


def check_symlink(path: bytes, target: bytes, *, line: int = 0) -> None:
    """Refuse a symlink that could lead out of the tree, or into git's folder."""
    shown = f"{path.decode(errors='replace')} -> {target[:200]!r}"
    parts = target.split(b"/")
    climbs = 0
    while climbs < len(parts) and parts[climbs] == b"..":
        climbs += 1
    leaves = target.startswith(b"/") or not target or climbs > path.count(b"/") or b".." in parts[climbs:]
    if leaves or re.match(rb"[A-Za-z]:", target) or len(target) > _LONGEST_PATH:
        raise RefusedPatchError("symlink-outside", shown, line=line)
    for part in parts[climbs:]:
        if part not in (b"", b"."):
            check_path(part, line=line)


def check_attributes(line_of_file: bytes, *, line: int = 0) -> None:
    """Refuse a line of .gitattributes that makes git run or rewrite something."""
    text = line_of_file.strip()
    if not text or text.startswith(b"#"):
        return
    if text.startswith((b'"', b"[attr]")):
        raise RefusedPatchError("attributes", f"the line {text[:200]!r}", line=line)
    for word in text.split()[1:]:
        name, _, value = word.partition(b"=")
        known = _HARMLESS.match(word) and (name != b"diff" or not value or value in _BUILT_IN_DIFFS)
        if not known and word != b"diff":
            raise RefusedPatchError("attributes", f"the attribute {word[:200]!r}", line=line)


def check_made(diffs: Iterable[Diff]) -> None:
    """Refuse a series whose binary files come to more than a set may make."""
    made = sum(diff.made for diff in diffs)
    if made > MOST_MADE_BY_SET:
        raise RefusedPatchError("bomb", f"the binary files of the set come to {made:,} bytes")


def check_links(series: Iterable[tuple[str, Diff]]) -> None:
    """Refuse a series, by names and diffs, that makes a symlink and then writes through it."""
    links: set[bytes] = set()
    for name, diff in series:
        # Git takes away first, and makes then.
        links -= {change.old_path for change in diff.changes if change.kind in ("delete", "rename")}
        links |= {change.new_path for change in diff.changes if change.new_mode == SYMLINK}
        try:
            for change in diff.changes:
                if change.kind != "delete":
                    _check_above(change.new_path, links, change.line)
        except RefusedPatchError as error:
            raise error.within(name) from error


def _check_above(path: bytes, links: set[bytes], line: int) -> None:
    parts = path.split(b"/")
    for count in range(1, len(parts)):
        above = b"/".join(parts[:count])
        if above in links:
            what = f"{path.decode(errors='replace')} is below the symlink {above.decode(errors='replace')}"
            raise RefusedPatchError("through-symlink", what, line=line)
