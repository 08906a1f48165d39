"""Files of a commit that Git LFS keeps apart: which they are, and what content they stand for."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from flagrelease.adapters.git.index import temporary_index
from flagrelease.adapters.mirrors.bare import GITLINK, SYMLINK, Bare, Entry, Survey
from flagrelease.adapters.mirrors.whole import Pointer, spelled

_LARGEST: Final = 1023
_SMALLEST: Final = 100
_LARGEST_ATTRIBUTES: Final = 1 << 20
_VERSIONS: Final = (b"https://git-lfs.github.com/spec/v1", b"https://hawser.github.com/spec/v1")
_LINE: Final = re.compile(rb"([a-z0-9.-]+) ([^\n]*)\Z")
_SHA256: Final = re.compile(rb"sha256:([0-9a-f]{64})\Z")
_SIZE: Final = re.compile(rb"[0-9]{1,18}\Z")


def pointer_of(content: bytes) -> tuple[str, int] | None:
    """The SHA-256 and the size in bytes that a pointer states (Git LFS, pointer file v1); none for any other file."""
    if not _SMALLEST <= len(content) <= _LARGEST or not content.endswith(b"\n"):
        return None
    lines = [_LINE.match(line) for line in content[:-1].split(b"\n")]
    keys = [line[1] for line in lines if line]
    if len(keys) != len(lines) or keys[:1] != [b"version"] or keys[1:] != sorted(set(keys[1:])):
        return None
    values = {line[1]: line[2] for line in lines if line}
    oid, size = _SHA256.match(values.get(b"oid", b"")), _SIZE.match(values.get(b"size", b""))
    if values[b"version"] not in _VERSIONS or not oid or not size:
        return None
    return oid[1].decode(), int(size[0])


def pointers(bare: Bare, commit: str, survey: Survey) -> tuple[Pointer, ...]:
    """Every pointer of a commit that is here as a whole: a file that states one, where .gitattributes say `filter=lfs`.

    A file that only looks like one, such as a test's, is a file.
    """
    files = [one for one in survey.entries if one.mode not in {GITLINK, SYMLINK}]
    if not _any_filter(bare, files, survey):
        return ()
    small = [one for one in files if _SMALLEST <= survey.sizes[one.id] <= _LARGEST]
    stated = {
        blob: found
        for blob, content in bare.contents(list(dict.fromkeys(one.id for one in small)))
        if (found := pointer_of(content))
    }
    candidates = [one for one in small if one.id in stated]
    filtered = _filtered(bare, commit, [one.path for one in candidates])
    return tuple(
        Pointer(path=spelled(one.path), blob=one.id, sha256=stated[one.id][0], size=stated[one.id][1])
        for one in candidates
        if one.path in filtered
    )


def _any_filter(bare: Bare, files: Iterable[Entry], survey: Survey) -> bool:
    """Whether any .gitattributes names the filter: most trees have none, and then no blob is read."""
    attributes = [one.id for one in files if one.path.rpartition(b"/")[2] == b".gitattributes"]
    small = [blob for blob in dict.fromkeys(attributes) if survey.sizes[blob] <= _LARGEST_ATTRIBUTES]
    return any(b"filter=lfs" in content for _, content in bare.contents(small))


def _filtered(bare: Bare, commit: str, paths: Sequence[bytes]) -> set[bytes]:
    if not paths:
        return set()
    with temporary_index(bare.repository, as_stored=False) as index:
        index.read(commit)
        asked = b"".join(path + b"\0" for path in paths)
        words = index.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=asked).out.split(b"\0")
    return {path for path, value in zip(words[::3], words[2::3], strict=False) if value == b"lfs"}
