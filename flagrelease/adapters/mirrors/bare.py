"""A mirror: a bare repository of the store that holds some commits without their history."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.run import git_done
from flagrelease.adapters.mirrors.limited import listed
from flagrelease.adapters.storage.disk import sync_folder, writing
from flagrelease.errors import SourceError
from flagrelease.formats.durable import write_durably

GITLINK: Final = 0o160000
SYMLINK: Final = 0o120000
_AT_ONCE: Final = 4096
_CONFIG: Final = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thookspath = /dev/null
[gc]
\tauto = 0
"""
_ENTRY: Final = re.compile(rb"([0-7]{6}) (blob|commit) ([0-9a-f]{40})\t(.+)\Z", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A path of a tree, but for folders."""

    mode: int
    id: str
    path: bytes


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is here of a commit: every path of its tree, and the blobs that are missing, in the tree's order."""

    entries: tuple[Entry, ...]
    sizes: dict[str, int]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Bare:
    """A mirror's folder."""

    folder: Path

    @property
    def repository(self) -> Repository:
        """As the rest of the code knows repositories."""
        return Repository(top=self.folder, git_dir=self.folder, common=self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """What makes git work here and nowhere else."""
        return {"GIT_DIR": str(self.folder)}

    def begin(self) -> None:
        """Make it, unless it is there, and remove what a killed git left. The caller holds it locked."""
        with writing(self.folder, 0):
            for name in ("objects/pack", "objects/info", "refs/whole"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            if not (self.folder / "HEAD").exists():
                write_durably(self.folder / "config", _CONFIG.encode())
                write_durably(self.folder / "HEAD", b"ref: refs/heads/none\n")
        self.tidy()

    def tidy(self) -> None:
        """Remove packs that were cut and the locks of a git that is gone."""
        for path in (*self.folder.glob("objects/pack/tmp_*"), *self.folder.glob("*.lock")):
            path.unlink(missing_ok=True)
        for path in self.folder.glob("objects/tmp_*"):
            path.unlink(missing_ok=True)

    def survey(self, commit: str) -> Survey | None:
        """What is here of a commit; none where it, or a folder of its tree, is not. Asks nobody.

        Raises:
            SourceError: the id is that of something else, or its tree has more than a million paths.
        """
        if not (self.folder / "HEAD").is_file():
            return None
        lines = listed(self.folder, commit)
        if lines is None:
            return None
        entries = tuple(_entry(line) for line in lines)
        blobs = list(dict.fromkeys(one.id for one in entries if one.mode != GITLINK))
        kinds = self.kinds([commit, *blobs])
        if kinds[commit][0] != "commit":
            raise SourceError(
                f"wanted a commit, found that {commit} is a {kinds[commit][0]}",
                hint="write the commit's id: of a signed tag, that is `git rev-parse TAG^{commit}`",
            )
        return Survey(
            entries=entries,
            sizes={blob: kinds[blob][1] for blob in blobs},
            missing=tuple(blob for blob in blobs if kinds[blob][0] == "missing"),
        )

    def has_commit(self, commit: str) -> bool:
        """Whether the object itself is here, whatever of its tree is."""
        return self.kinds([commit])[commit][0] != "missing"

    def kinds(self, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Of each object its type and its size in bytes; `missing` for what is not here."""
        found = {}
        asked = "".join(f"{one}\n" for one in ids).encode()
        for line in self._run("cat-file", "--batch-check", stdin=asked).decode().splitlines():
            id_, kind, *size = line.split(" ")
            found[id_] = (kind, int(size[0]) if size else 0)
        return found

    def contents(self, blobs: Sequence[str]) -> Iterable[tuple[str, bytes]]:
        """What blobs hold. The caller knows that they are here, and small."""
        for begin in range(0, len(blobs), _AT_ONCE):
            some = blobs[begin : begin + _AT_ONCE]
            out, at = self._run("cat-file", "--batch", stdin="".join(f"{one}\n" for one in some).encode()), 0
            for _ in some:
                end = out.index(b"\n", at)
                id_, _, size = out[at:end].decode().split(" ")
                yield id_, out[end + 1 : end + 1 + int(size)]
                at = end + int(size) + 2

    def keep(self, commit: str) -> None:
        """Have a ref on a whole commit, so that git counts on it and checks it; and all of its files on the disk."""
        with writing(self.folder, 100):
            sync_folder(self.folder / "objects" / "pack")
            write_durably(self.folder / "refs" / "whole" / commit, f"{commit}\n".encode())

    def whole_commits(self) -> list[str]:
        """The commits that there are notes on."""
        return sorted(path.stem for path in (self.folder / "whole").glob("*.json"))

    def bytes_of_packs(self) -> int:
        """Bytes of all finished packs."""
        return sum(path.stat().st_size for path in self.folder.glob("objects/pack/pack-*.pack"))

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return git_done(*arguments, at=self.folder, stdin=stdin, extra=self.environment).out


def _entry(line: bytes) -> Entry:
    found = _ENTRY.match(line)
    if found is None:
        raise SourceError(f"a tree has a line that is not understood: {line[:200]!a}")
    parts = found[4].split(b"/")
    if any(part in {b"", b".", b".."} or part.lower() == b".git" for part in parts):
        raise SourceError(
            f"a tree has the path {found[4][:200]!a}, which leads elsewhere",
            hint="name another commit, and tell upstream",
        )
    return Entry(int(found[1], 8), found[3].decode(), found[4])
