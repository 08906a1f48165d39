"""A temporary git folder beside somebody's objects: patches are applied in its index, and nothing of theirs changes."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from flagrelease.adapters.git.own_settings import AS_STORED, CONFIG
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.run import Running, Said, TooSlowError, git, git_done, start_git, well
from flagrelease.adapters.storage.private_folder import private_folder
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import RefusedPatchError

PATCH_TIMEOUT_S: Final = 60.0
_AT_ONCE: Final = 200
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder in it is made by mkdtemp
_ROOM: Final = 512 << 20
_RAW: Final = re.compile(rb":([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) ([A-Z])[0-9]*\0([^\0]+)\0")


class Entry(NamedTuple):
    """A path that two trees differ in. A mode of 0: it is not there on that side."""

    path: bytes
    old_mode: int
    new_mode: int
    old_id: str
    new_id: str


class Blob(NamedTuple):
    """A file of the index."""

    mode: int
    id: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """Git's index in a folder of ours, with the objects of a clone to read from."""

    folder: Path
    repository: Repository
    objects: tuple[Path, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What makes git work here and nowhere else. New objects go into the folder itself."""
        return {
            "GIT_DIR": str(self.folder),
            "GIT_INDEX_FILE": str(self.folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(self.folder),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(map(_spelled, self.objects)),
        }

    def run(self, *arguments: str, stdin: bytes = b"", wanted: str = "") -> Said:
        """Run git on this index. Raises SourceError with what it said where it fails."""
        return git_done(*arguments, at=self.folder, stdin=stdin, extra=self.environment, wanted=wanted)

    def read(self, tree: str) -> None:
        """Make the index that of a tree or commit."""
        self.run("read-tree", tree, wanted=f"reading {tree}")

    def write(self) -> str:
        """The tree of the index. Its objects go into the temporary folder."""
        return self.run("write-tree", wanted="writing the tree").line

    def write_and_compare(self, tree: str) -> tuple[str, list[Entry]]:
        """The tree of the index, and every path in which it differs from another tree, with both modes."""
        options = ("diff-index", "--cached", "-z", "--raw", "--no-renames", "--full-index")
        writing = start_git("write-tree", at=self.folder, extra=self.environment)
        try:
            differs = self.run(*options, tree, wanted="comparing with the base").out
        except BaseException:
            writing.kill()
            raise
        return well(writing.said(), "writing the tree").line, list(_entries(differs))

    @contextmanager
    def begun(self, asked: str) -> Iterator["Begun"]:
        """Start to read the tree of a commit, by its id or the beginning of it, into the index."""
        tree, extra = f"{asked}^{{tree}}", self.environment
        reading = start_git("read-tree", tree, at=self.folder, extra=extra)
        names = start_git("rev-parse", f"{asked}^{{commit}}", tree, at=self.folder, extra=extra)
        begun = Begun(asked, names, reading)
        try:
            yield begun
        finally:
            # Not ended yet only where something went wrong meanwhile.
            for one in (names, reading):
                one.kill()

    def found(self, asked: str) -> tuple[str, str] | None:
        """A commit by its id, or the beginning of it, with its tree; None where there is none."""
        said = git("rev-parse", f"{asked}^{{commit}}", f"{asked}^{{tree}}", at=self.folder, extra=self.environment)
        return _commit_and_tree(asked, said)

    def tree_of(self, commit: str) -> str:
        """The tree of a commit. Raises SourceError where there is none."""
        found = self.found(commit)
        if found is None:
            raise SourceError(f"{self.repository.top} has no commit {commit}", hint="fetch it from upstream")
        return found[1]

    def apply(self, patches: Sequence[bytes], *, fix: bool = False, reverse: bool = False) -> Said:
        """Apply patches in their order, by one git for many of them. Where one fails, none of its group is applied.

        Patches go to git through memory: what was sealed is never in a file.

        Raises:
            RefusedPatchError: git took too long.
        """
        said = Said(status=0, out=b"", error="")
        for begin in range(0, len(patches), _AT_ONCE):
            said = self._apply(patches[begin : begin + _AT_ONCE], fix=fix, reverse=reverse)
            if said.status:
                break
        return said

    def _apply(self, patches: Sequence[bytes], *, fix: bool, reverse: bool) -> Said:
        options = ["--cached", "--whitespace=fix" if fix else "--whitespace=nowarn", *(["-R"] if reverse else [])]
        with ExitStack() as stack:
            descriptors = [_in_memory(patch, stack) for patch in patches]
            files = [f"/proc/self/fd/{descriptor}" for descriptor in descriptors]
            try:
                return git(
                    "apply",
                    *options,
                    *files,
                    at=self.folder,
                    extra=self.environment,
                    descriptors=descriptors,
                    timeout_s=PATCH_TIMEOUT_S,
                )
            except TooSlowError as error:
                raise RefusedPatchError("takes-too-long", f"more than {PATCH_TIMEOUT_S:g} s") from error

    def sizes(self, ids: Sequence[str]) -> list[int]:
        """Bytes of objects; 0 for one that is not there."""
        if not ids:
            return []
        out = self.run("cat-file", "--batch-check=%(objectsize)", stdin="\n".join([*ids, ""]).encode()).out
        return [int(line) if line.isdigit() else 0 for line in out.splitlines()]

    def content(self, name: str, wanted: str = "") -> bytes:
        """What an object holds that has to be there. Raises SourceError; `wanted` says what it is the content of."""
        (found,) = self.contents([name])
        if found is None:
            raise SourceError(
                f"{self.repository.top} lacks the content of {wanted or name}: it is a partial clone, or damaged",
                hint="fetch all of it: `git fetch --refetch --no-filter`, or clone it anew without --filter",
            )
        return found

    def entries(self, paths: Sequence[bytes]) -> dict[bytes, Blob]:
        """The files of the index among these paths."""
        wanted = set(paths)
        said = self.run("ls-files", "-s", "-z")
        found = {}
        for line in said.out.split(b"\0"):
            facts, _, path = line.partition(b"\t")
            if path in wanted:
                mode, id_, _ = facts.split()
                found[path] = Blob(int(mode, 8), id_.decode())
        return found

    def contents(self, names: Sequence[str]) -> list[bytes | None]:
        """What objects hold, by id or `<commit>:<path>`; None for what is not there."""
        if not names:
            return []
        # -z for names came with a later git; a name with a line end in it is refused before it comes here.
        lines = b"".join(name.encode("utf-8", "surrogateescape") + b"\n" for name in names)
        out = self.run("cat-file", "--batch", stdin=lines).out
        found: list[bytes | None] = []
        at = 0
        for _ in names:
            end = out.index(b"\n", at)
            words = out[at:end].split()
            if words[-1] == b"missing" or words[-1] == b"ambiguous":
                found.append(None)
                at = end + 1
                continue
            size = int(words[-1])
            found.append(out[end + 1 : end + 1 + size])
            at = end + size + 2
        return found


@dataclass(frozen=True)
class Begun:
    """A tree that is being read."""

    asked: str
    names: Running
    reading: Running

    def done(self) -> tuple[str, str] | None:
        """The commit and its tree, when the index is that; None where there is no such commit."""
        named, read = self.names.said(), self.reading.said()
        found = _commit_and_tree(self.asked, named)
        if found:
            well(read, f"reading {self.asked}")
        return found


def _commit_and_tree(asked: str, said: Said) -> tuple[str, str] | None:
    if said.status:
        return None
    commit, tree = said.line.split()
    return (commit, tree) if commit.startswith(asked) else None


def _entries(out: bytes) -> Iterator[Entry]:
    at = 0
    while found := _RAW.match(out, at):
        yield Entry(found[6], int(found[1], 8), int(found[2], 8), found[3].decode(), found[4].decode())
        at = found.end()
    if at != len(out):
        raise SourceError(f"git names a difference that is not understood: {out[at : at + 200]!r}")


def _in_memory_folder() -> list[Path]:
    """Where files are in memory, if there is room: what a sealed patch makes is better on no disk; and it is quick."""
    if not os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
        return []
    facts = os.statvfs(_SHARED_MEMORY)
    return [_SHARED_MEMORY] if facts.f_bavail * facts.f_frsize > _ROOM else []


def _in_memory(data: bytes, stack: ExitStack) -> int:
    """A file that has no place on any disk, at its beginning."""
    descriptor = os.memfd_create("patch", os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@contextmanager
def temporary_index(repository: Repository, *, as_stored: bool = True, beside: Sequence[Index] = ()) -> Iterator[Index]:
    """A git folder that is gone afterwards; what a killed process left of one is removed at the beginning.

    Args:
        repository: Whose objects it reads.
        as_stored: Files are written and read without any conversion.
        beside: Other temporary folders whose objects it reads as well.
    """
    with private_folder("flagrelease-git-", _in_memory_folder()) as made:
        folder = made.resolve()
        (folder / "refs").mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
        (folder / "config").write_text(CONFIG, encoding="utf-8")
        others = (repository.objects, *(index.folder for index in beside))
        if repository.is_shallow:
            # Without it git takes the last commits of a cut history for damaged.
            (folder / "shallow").write_bytes((repository.common / "shallow").read_bytes())
        if as_stored:
            (folder / "info").mkdir()
            (folder / "info" / "attributes").write_text(AS_STORED, encoding="utf-8")
        yield Index(folder=folder, repository=repository, objects=others)


def _spelled(objects: Path) -> str:
    """A folder of objects in quotes, so that no character of it means anything."""
    escaped = re.sub(rb'["\\\x00-\x1f\x7f-\xff]', lambda found: b"\\%03o" % found[0][0], os.fsencode(objects))
    return f'"{escaped.decode("ascii")}"'
