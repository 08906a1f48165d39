"""Which commit of upstream changed what a hunk wants to find."""

from collections.abc import Callable
from typing import Final

from flagrelease.adapters.git.index import Index
from flagrelease.patching.report import UpstreamCommit

_MOST: Final = 2000
_SHOWN: Final = 200


def first_commit_that(
    index: Index, base: str, until: str, path: str, breaks: Callable[[bytes | None], bool]
) -> UpstreamCommit | None:
    """The first of the commits between both that touched the file and after which `breaks` says yes of its content.

    Found by halving, so a file that broke, was mended and broke again names one of the two.
    """
    # The path goes in by the standard input: it may be of a sealed patch, and everybody can read an argument list.
    said = index.run(
        "rev-list",
        "--topo-order",
        "--reverse",
        f"--max-count={_MOST}",
        "--stdin",
        stdin=f"{base}..{until}\n--\n:(top,literal){path}\n".encode(),
    )
    commits = said.line.split()
    low, high = 0, len(commits)
    while low < high:
        middle = (low + high) // 2
        if breaks(index.contents([f"{commits[middle]}:{path}"])[0]):
            high = middle
        else:
            low = middle + 1
    return described(index, commits[low]) if low < len(commits) else None


def described(index: Index, commit: str) -> UpstreamCommit:
    """A commit with its day and subject, for people."""
    text = index.run("show", "-s", "--format=%cs%x00%s", commit).line
    day, _, subject = text.partition("\0")
    clean = "".join(character if character.isprintable() else " " for character in subject)
    return UpstreamCommit(id=commit, date=day, subject=clean[:_SHOWN])
