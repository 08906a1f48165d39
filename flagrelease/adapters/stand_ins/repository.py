"""A git repository that is made here: the same files give the same commit on every machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.adapters.git.run import git_done
from flagrelease.domain.component import GitSource
from flagrelease.errors import SourceError
from flagrelease.oci.header import check_path
from flagrelease.ports import Progress

BRANCH: Final = "main"
_WHO: Final = "flagrelease stand-in <stand-in@flagrelease.invalid> 0 +0000"


@dataclass(frozen=True, kw_only=True)
class TreeFile:
    """A file of a commit."""

    content: bytes
    executable: bool = False


def make_repository(folder: Path, files: Mapping[str, TreeFile], message: str) -> str:
    """Make a bare repository with one commit on one branch, and give the commit's id.

    Author and times are fixed, and nothing of the machine's git settings counts.

    Args:
        folder: Where; it must not be there yet.
        files: By their path.
        message: The commit's.

    Raises:
        SourceError: git did not take it.
    """
    settings = ("-c", "core.fsync=none", "-c", "init.templateDir=")
    where = ("--bare", "--quiet", f"--initial-branch={BRANCH}", "--object-format=sha1")
    git_done(*settings, "init", *where, "--", str(folder), at=folder.parent, wanted=f"making {folder}")
    stream = [f"commit refs/heads/{BRANCH}\ncommitter {_WHO}\n".encode(), _data(message.encode())]
    for path, file in sorted(files.items()):
        if path.startswith('"') or ".git" in path.lower().split("/"):
            raise SourceError(f"the path {path!r} is none that git takes into a tree")
        mode = "100755" if file.executable else "100644"
        stream += [f"M {mode} inline {check_path(path, message)}\n".encode(), _data(file.content)]
    at = {"GIT_DIR": str(folder)}
    taking = (*settings, "fast-import", "--quiet", "--date-format=raw", "--done")
    git_done(*taking, at=folder, stdin=b"".join([*stream, b"done\n"]), extra=at, wanted=f"filling {folder}")
    return git_done("rev-parse", f"refs/heads/{BRANCH}", at=folder, extra=at).line


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


class LocalRepository:
    """`adapters.components.Repositories` of one repository on this machine, which has no submodules and no LFS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, source: GitSource, commit: str, progress: Progress) -> None:
        """Nothing: it is here."""

    def repository(self, source: GitSource, commit: str) -> Repository:
        """The one repository."""
        del source, commit
        return repository_at(self._folder)

    def fill(self, source: GitSource, commit: str, folder: Path) -> None:
        """Nothing: its tree is whole."""
