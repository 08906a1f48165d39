"""Names of files as git writes them into a diff: plain, or in quotes with C's escapes."""

import re
from typing import Final

from flagrelease.patching.diff_values import RefusedPatchError

_ESCAPED: Final = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')
_QUOTED: Final = re.compile(rb'"((?:[^"\\\x00-\x1f]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*)"')
_LETTERS: Final = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


def unquoted(text: bytes, line: int) -> tuple[bytes, bytes]:
    """The name at the beginning, and what stands behind it. A name without quotes is all of the text."""
    if not text.startswith(b'"'):
        return text, b""
    found = _QUOTED.match(text)
    if not found:
        raise RefusedPatchError("bad-name", f"{text[:200]!r}", line=line)
    return _ESCAPED.sub(_character, found[1]), text[found.end() :]


def whole_name(text: bytes, line: int) -> bytes:
    """The name that a line ends with."""
    name, behind = unquoted(text, line)
    if behind or not name:
        raise RefusedPatchError("bad-name", f"{text[:200]!r}", line=line)
    return name


def header_names(text: bytes, line: int) -> tuple[bytes, bytes] | None:
    """Both names of `diff --git …`; None where they differ and blanks leave open where the first ends."""
    if text.startswith(b'"'):
        first, behind = unquoted(text, line)
        if not behind.startswith(b" "):
            raise RefusedPatchError("bad-name", f"{text[:200]!r}", line=line)
        return _bare(first, b"a/", line), _bare(whole_name(behind[1:], line), b"b/", line)
    if text.endswith(b'"'):
        at = text.find(b' "')
        return _bare(text[: max(at, 0)], b"a/", line), _bare(whole_name(text[at + 1 :], line), b"b/", line)
    if text.count(b" ") == 1:
        first, second = text.split(b" ")
        return _bare(first, b"a/", line), _bare(second, b"b/", line)
    middle = len(text) // 2
    first, second = text[:middle], text[middle + 1 :]
    if text[middle : middle + 1] == b" " and first[:2] == b"a/" and second[:2] == b"b/" and first[2:] == second[2:]:
        return first[2:], second[2:]
    return None


def _bare(name: bytes, prefix: bytes, line: int) -> bytes:
    if not name.startswith(prefix) or name == prefix:
        raise RefusedPatchError("bad-name", f"wanted {prefix.decode()}… , found {name[:200]!r}", line=line)
    return name[len(prefix) :]


def _character(found: "re.Match[bytes]") -> bytes:
    escape = found[1]
    if len(escape) > 1:
        return bytes([int(escape, 8)])
    return bytes([_LETTERS.get(escape[0], escape[0])])
