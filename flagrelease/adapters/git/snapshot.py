"""Changes as they come from a vendor: a dirty checkout, commits, a mailbox; each as a diff with its author."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.run import Said, git_done
from flagrelease.adapters.storage.private_folder import private_folder
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import MOST_BYTES
from flagrelease.patching.mail_text import Authorship

DIFF: Final = (
    "diff-tree", "-r", "-p", "--binary", "--full-index", "--unified=3", "--no-ext-diff",
    "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers",
    "--no-indent-heuristic", "--submodule=short", "--ignore-submodules=none", "--no-commit-id",
)  # fmt: skip
"""How every stored patch is made, whatever the user's git would do."""

_FACTS: Final = "%an%x00%ae%x00%aD%x00%s%x00%b"
_SETTINGS: Final = r"^core\.(autocrlf|filemode|symlinks|sparsecheckout)$"
_ELSEWHERE: Final = {"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_CONFIG"}
_INFO: Final = re.compile(r"^(Author|Email|Subject|Date): (.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: who made it, and its diff."""

    by: Authorship
    diff: bytes


def diff_of(index: Index, old: str, new: str, *, renames: bool = False) -> bytes:
    """What leads from one tree to another, as it is stored.

    With renames it is easier to read. Git cannot always apply that: where a folder takes a moved symlink's place.
    """
    how = "--find-renames" if renames else "--no-renames"
    return index.run(*DIFF, how, old, new, wanted="making a diff").out


def checkout_tree(index: Index, repository: Repository, base: str) -> str:
    """The tree of a checkout as it lies there: changed, new and deleted files, but for those that are ignored.

    Line ends are taken as the user's own git would: `core.autocrlf` is the one setting that says what the files mean.

    Raises:
        SourceError: the checkout is not whole, or a file cannot be read.
    """
    settings = _settings(repository)
    if settings.get("core.sparsecheckout") == "true":
        raise SourceError(
            f"{repository.top} is a sparse checkout: files that are not there would count as deleted",
            hint="run `git sparse-checkout disable` there",
        )
    if repository.top == repository.git_dir:
        raise SourceError(f"{repository.top} has no checkout", hint="name a checkout, a commit range or a mailbox")
    autocrlf = "input" if settings.get("core.autocrlf") in ("true", "input") else "false"
    kept = [f"core.{key}=false" for key in ("filemode", "symlinks") if settings.get(f"core.{key}") == "false"]
    options = [word for setting in (f"core.autocrlf={autocrlf}", *kept) for word in ("-c", setting)]
    exclude = repository.common / "info" / "exclude"
    if exclude.is_file():
        (index.folder / "info").mkdir(exist_ok=True)
        (index.folder / "info" / "exclude").write_bytes(exclude.read_bytes())
    index.read(base)
    extra = {**index.environment, "GIT_WORK_TREE": str(repository.top)}
    git_done(*options, "add", "--all", "--", ".", at=repository.top, extra=extra, wanted=f"reading {repository.top}")
    return index.write()


def _settings(repository: Repository) -> dict[str, str]:
    """What the user's own git is set to there; for another repository, variables of theirs may be."""
    argv = ["git", "-C", str(repository.top), "config", "--null", "--get-regexp", _SETTINGS]
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    done = subprocess.run(argv, capture_output=True, env=kept, check=False)
    pairs = (line.partition("\n") for line in done.stdout.decode("utf-8", "replace").split("\0") if line)
    return {key.lower(): value.lower() for key, _, value in pairs}


def range_changes(index: Index, repository: Repository, asked: str) -> tuple[str, list[Change]]:
    """The commit that a range `A..B` begins at, and its commits, the oldest first.

    Raises:
        SourceError: there is no such range, it is empty, or has a merge, which is no one change.
    """
    first, dots, last = asked.partition("..")
    begin, end = repository.revision(first), repository.revision(last or "HEAD")
    if not dots or "..." in asked or not begin or not end:
        raise SourceError(
            f"wanted a range of commits of {repository.top} such as A..B, found {asked!a}",
            hint="a clone with cut history lacks commits: fetch with full depth",
        )
    listed = index.run("rev-list", "--reverse", "--topo-order", "--parents", f"{begin}..{end}").line.splitlines()
    if not listed:
        raise SourceError(f"the range {asked} has no commit", hint="its second commit has to come after its first")
    changes = []
    for line in listed:
        commit, *parents = line.split()
        if len(parents) != 1:
            raise SourceError(
                f"{commit} is a merge, which is not one change",
                hint=f"rebase the range, or check {last or 'HEAD'} out and add it as a checkout",
            )
        changes.append(Change(by=author_of(index, commit), diff=diff_of(index, parents[0], commit)))
    return begin, changes


def author_of(index: Index, commit: str) -> Authorship:
    """Who wrote a commit, when, and what they said of it."""
    text = index.run("show", "-s", f"--format={_FACTS}", "--encoding=UTF-8", commit).out.decode("utf-8", "replace")
    name, mail, date, subject, body = text.split("\0", 4)
    return Authorship(author=name, mail=mail, date=date, subject=subject, body=body.strip())


def mailbox_changes(path: Path) -> list[Change]:
    """The changes of a mailbox, of one mail, or of a bare diff.

    Raises:
        SourceError: it is none of them.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RefusedPatchError("too-large", f"at most {MOST_BYTES:,} bytes", patch=str(path))
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"there is no mailbox {path}", hint="check the path") from error
    with private_folder("flagrelease-mail-") as here:
        return mail_changes(data, str(path), here)


def mail_changes(data: bytes, path: str, here: Path) -> list[Change]:
    """The same of what was read.

    Args:
        data: The mailbox.
        path: What messages call it.
        here: An empty folder to work in.

    Raises:
        SourceError: it is none of them.
    """
    if data.startswith(b"diff --git "):
        return [Change(by=Authorship(), diff=data)]
    (here / "mbox").write_bytes(data)
    (here / "mails").mkdir()
    _git("mailsplit", "--keep-cr", "-b", f"-o{here / 'mails'}", "--", str(here / "mbox"), at=here)
    mails = sorted((here / "mails").iterdir())
    if not mails:
        raise SourceError(f"{path} has no mail", hint="`git format-patch --stdout A..B` makes a mailbox")
    # A cover letter has no diff.
    changes = [change for change in (_mail(mail, here) for mail in mails) if change.diff.strip()]
    if not changes:
        raise RefusedPatchError("no-git-diff", "none of its mails has a diff", patch=path)
    return changes


def _git(*arguments: str, at: Path, stdin: bytes = b"") -> Said:
    """Git in a folder that is in no repository: one that lies above it has no say, by its configuration."""
    return git_done(*arguments, at=at, stdin=stdin, extra={"GIT_CEILING_DIRECTORIES": str(at.resolve().parent)})


def _mail(mail: Path, here: Path) -> Change:
    message, patch = here / "message", here / "patch"
    said = _git("mailinfo", "--encoding=UTF-8", str(message), str(patch), at=here, stdin=mail.read_bytes())
    facts = dict(_INFO.findall(said.out.decode("utf-8", "replace")))
    by = Authorship(
        author=facts.get("Author", ""),
        mail=facts.get("Email", ""),
        date=facts.get("Date", ""),
        subject=facts.get("Subject", ""),
        body=message.read_bytes().decode("utf-8", "replace").strip(),
    )
    return Change(by=by, diff=patch.read_bytes())
