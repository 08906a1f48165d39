"""A clone of somebody's that is only read: where its objects are, and which commit is meant."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.run import git
from flagrelease.errors import SourceError

_POINTER: Final = re.compile(rb"gitdir: ([^\n]+?)\r?\n?\Z")
_LARGEST_POINTER: Final = 8192
_COMMIT: Final = re.compile(r"[0-9a-f]{40}\Z")
_ABBREVIATED: Final = re.compile(r"[0-9a-f]{4,40}\Z")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """`top` is the checkout's folder, or git's own where there is none. `common` has the objects and refs."""

    top: Path
    git_dir: Path
    common: Path

    @property
    def objects(self) -> Path:
        """The folder of its objects."""
        return self.common / "objects"

    @property
    def is_shallow(self) -> bool:
        """Whether its history was cut off."""
        return (self.common / "shallow").exists()

    def revision(self, asked: str) -> str | None:
        """The commit that a name, a tag, a branch or an id stands for there; None where there is none."""
        if asked.startswith("-") or not asked.isprintable() or not asked:
            return None
        # A git folder that is named is taken as it is: nothing is searched, and no owner is asked for.
        extra = {"GIT_DIR": str(self.git_dir)}
        said = git("rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}", at=self.git_dir, extra=extra)
        return said.line if said.status == 0 and _COMMIT.match(said.line) else None

    def commit(self, asked: str) -> str | None:
        """A commit by the beginning of its id: never a branch that is called the same."""
        found = self.revision(asked) if _ABBREVIATED.match(asked) else None
        return found if found and found.startswith(asked) else None


def repository_at(path: Path) -> Repository:
    """The clone that a folder is, or lies in. Raises SourceError where there is none that can be read."""
    folder = path.resolve()
    if not folder.is_dir():
        raise SourceError(f"wanted a git clone at {path}, found no folder", hint="check the path")
    for here in (folder, *folder.parents):
        git_dir = _git_dir(here)
        if git_dir:
            common = git_dir / "commondir"
            shared = (git_dir / common.read_text(encoding="utf-8").strip()).resolve() if common.exists() else git_dir
            _check_names(shared)
            return Repository(top=here, git_dir=git_dir, common=shared)
    raise SourceError(f"wanted a git clone at {path}, found none", hint="name a clone of the component with --repo")


def _git_dir(here: Path) -> Path | None:
    if (here / "HEAD").is_file() and (here / "objects").is_dir() and (here / "refs").is_dir():
        return here
    there = here / ".git"
    if there.is_dir():
        return there if (there / "HEAD").exists() else None
    if there.is_file() and there.stat().st_size < _LARGEST_POINTER and (found := _POINTER.match(there.read_bytes())):
        return (here / found[1].decode("utf-8", "surrogateescape")).resolve()
    return None


def _check_names(common: Path) -> None:
    """Recorded trees are named by SHA-1."""
    config = common / "config"
    if config.exists() and re.search(rb"(?im)^\s*objectformat\s*=\s*sha256", config.read_bytes()):
        raise SourceError(f"{common} names its objects by SHA-256; patch sets are recorded by SHA-1 trees")
