"""The paths of a tree, read as git says them, and no further than a tree may go: few objects can name endless paths."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.run import git_environment
from flagrelease.errors import SourceError, ToolError

MOST_ENTRIES: Final = 1_000_000
_MOST_BYTES: Final = 256 << 20
_PIECE: Final = 1 << 20


def listed(git_dir: Path, commit: str) -> list[bytes] | None:
    """What `git ls-tree -r` says of a commit, a line a path; none where it, or a folder of it, is not here.

    Raises:
        SourceError: it has more than a million paths.
        ToolError: git is not on this machine.
    """
    try:
        process = subprocess.Popen(
            ["git", "ls-tree", "-r", "-z", "--full-tree", commit],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**git_environment(), "GIT_DIR": str(git_dir)},
            cwd=git_dir,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise ToolError("wanted git on this machine, found none", hint="install git") from error
    assert process.stdout is not None
    out, count = bytearray(), 0
    with process:
        try:
            while piece := process.stdout.read(_PIECE):
                out += piece
                count += piece.count(b"\0")
                _check(commit, count, len(out))
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return None if process.returncode else bytes(out).split(b"\0")[:-1]


def _check(commit: str, paths: int, size: int) -> None:
    if paths > MOST_ENTRIES or size > _MOST_BYTES:
        raise SourceError(f"the tree of {commit} has more than {MOST_ENTRIES} paths", hint="name another commit")
