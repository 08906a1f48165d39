"""Git, run so that nothing of the user's or the machine's has a say: no configuration, hook, attribute or locale."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.errors import SourceError, ToolError

TIMEOUT_S: Final = 300.0
_SHOWN: Final = 20


class TooSlowError(ToolError):
    """Git was ended, for it took too long."""


class GitFailedError(SourceError):
    """Git failed. `wanted` says what for, `status` how; the message has its words besides."""

    def __init__(self, wanted: str, said: "Said") -> None:
        words = "\n".join(f"  {line}" for line in said.error.strip().splitlines()[:_SHOWN]) or "  nothing"
        super().__init__(f"{wanted}: git ended with {said.status} and said:\n{words}")
        self.wanted, self.status = wanted, said.status


def git_environment() -> dict[str, str]:
    """The whole environment of every git here. PATH is all that it has of ours.

    Without HOME and XDG_CONFIG_HOME there is no file of the user's to be read, by any version of git. It speaks to no
    server: a partial clone would fetch what it lacks, with programs that its own configuration names, and not every
    version of git knows GIT_NO_LAZY_FETCH.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "",
    }


@dataclass(frozen=True, kw_only=True)
class Said:
    """How git ended and what it said."""

    status: int
    out: bytes
    error: str

    @property
    def line(self) -> str:
        """Its output as one line of text."""
        return self.out.decode("utf-8", "replace").strip()


class Running:
    """A git that was started, so that something else can be done meanwhile. It has to be ended by `said`."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str, stdin: bytes, timeout_s: float) -> None:
        self._process, self._name, self._stdin, self._timeout_s = process, name, stdin, timeout_s

    def said(self) -> Said:
        """Wait for its end. Raises ToolError where it takes too long."""
        process = self._process
        with process:
            try:
                out, said = process.communicate(self._stdin or None, timeout=self._timeout_s)
            except BaseException as error:
                self.kill()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise TooSlowError(f"`git {self._name}` did not end within {self._timeout_s:g} s") from error
                raise
        return Said(status=process.returncode, out=out, error=said.decode("utf-8", "replace"))

    def kill(self) -> None:
        """End it and what it started, unless it has ended."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def git(
    *arguments: str,
    at: Path,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    timeout_s: float = TIMEOUT_S,
) -> Said:
    """Run git to its end, whatever that is. As `start_git`."""
    return start_git(*arguments, at=at, stdin=stdin, extra=extra, descriptors=descriptors, timeout_s=timeout_s).said()


def start_git(
    *arguments: str,
    at: Path,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    timeout_s: float = TIMEOUT_S,
) -> Running:
    """Start git.

    Args:
        arguments: What stands behind `git`.
        at: Where it runs.
        stdin: What it reads.
        extra: Variables beside those of `git_environment`.
        descriptors: Open files that it may read as `/proc/self/fd/N`.
        timeout_s: Seconds after which it is killed.

    Raises:
        ToolError: git is not on this machine.
    """
    try:
        process = subprocess.Popen(
            ["git", *arguments],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**git_environment(), **(extra or {})},
            cwd=at,
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if not at.is_dir():
            raise SourceError(f"there is no folder {at}", hint="check the path") from error
        raise ToolError("wanted git on this machine, found none", hint="install git") from error
    return Running(process, arguments[0], stdin, timeout_s)


def git_done(
    *arguments: str, at: Path, stdin: bytes = b"", extra: Mapping[str, str] | None = None, wanted: str = ""
) -> Said:
    """The same for what has to succeed. Raises GitFailedError with what git said; `wanted` says what for."""
    return well(git(*arguments, at=at, stdin=stdin, extra=extra), wanted or f"`git {arguments[0]}`")


def well(said: Said, wanted: str) -> Said:
    """What git said where it succeeded. Raises GitFailedError where it did not."""
    if said.status:
        raise GitFailedError(wanted, said)
    return said
