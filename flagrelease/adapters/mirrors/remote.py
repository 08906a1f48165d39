"""Git that speaks to a server: by the protocol of the address alone, without redirects, credentials or hooks."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.run import Said, git
from flagrelease.adapters.mirrors.addresses import Address, without_user
from flagrelease.errors import ToolError

STALL_S: Final = 60
REMOTE: Final = "source"
_OLDEST: Final = (2, 31)
_VERSION: Final = re.compile(r"git version (\d+)\.(\d+)")
_LONGEST_S: Final = 6 * 3600.0
_KEPT: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_FULL: Final = re.compile(r"No space left on device|Disk quota exceeded")
_SSH: Final = "ssh -F none -oBatchMode=yes -oStrictHostKeyChecking=yes -oServerAliveInterval=15 -oServerAliveCountMax=4"
_PARTIAL: Final = {f"remote.{REMOTE}.promisor": "true", f"remote.{REMOTE}.partialclonefilter": "blob:none"}
_HARMLESS: Final = (
    "badTimezone", "missingSpaceBeforeDate", "zeroPaddedFilemode", "gitattributesBlob", "gitattributesLarge",
    "gitattributesLineLength", "gitattributesMissing", "gitmodulesBlob", "gitmodulesLarge", "gitmodulesMissing",
    "gitmodulesName", "gitmodulesParse", "gitmodulesPath", "gitmodulesUpdate", "gitmodulesUrl",
)  # fmt: skip
"""Old commits have such dates and modes. What a .gitmodules holds is judged here where it is used, and said better."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """How this machine reaches servers.

    `stall_s`: seconds without a byte after which a server is given up; `longest_s`: seconds for all that it says.
    """

    environ: Mapping[str, str]
    stall_s: int = STALL_S
    longest_s: float = _LONGEST_S

    def git(
        self, address: Address, *arguments: str, at: Path, partial: bool = False, stdin: bytes = b"", more: str = ""
    ) -> Said:
        """Run git with the address as the remote `source`; never an error by its status.

        Args:
            address: Whom it may speak to. A secret of the site in it is in no argument list: not even in that of the
                helper for http that git starts.
            arguments: What stands behind `git`.
            at: The repository, or any folder.
            partial: Objects that are not here are taken for ones that the server has.
            stdin: What git reads.
            more: `negotiationAlgorithm` of the fetch.

        Raises:
            ToolError: git is not here, the disk is full, or it took too long.
        """
        config = {**self._config(address), **(_PARTIAL if partial else {})}
        if more:
            config["fetch.negotiationAlgorithm"] = more
        extra = {**self._environment(address), **as_environment(config)}
        said = git(*arguments, at=at, stdin=stdin, extra=extra, timeout_s=self.longest_s)
        check_room(said, address.shown, at)
        return said

    def _config(self, address: Address) -> dict[str, str]:
        url, header = address.plain
        return {
            f"remote.{REMOTE}.url": url,
            **({"http.extraHeader": header} if header else {}),
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(self.stall_s),
            "credential.helper": "",
            "core.askPass": "",
            "core.hooksPath": os.devnull,
            "transfer.fsckObjects": "true",
            "fetch.unpackLimit": "1",
            "fetch.recurseSubmodules": "false",
            "maintenance.auto": "false",
            **{f"fetch.fsck.{one}": "ignore" for one in _HARMLESS},
        }

    def _environment(self, address: Address) -> dict[str, str]:
        names = {spelling for name in _KEPT for spelling in (name, name.lower())}
        kept = {name: self.environ[name] for name in names if self.environ.get(name)}
        if certificates := self.environ.get("SSL_CERT_FILE"):
            kept["GIT_SSL_CAINFO"] = certificates
        if address.protocol == "ssh":
            agent = self.environ.get("SSH_AUTH_SOCK")
            kept |= {"GIT_SSH_COMMAND": _SSH, "GIT_SSH_VARIANT": "ssh", **({"SSH_AUTH_SOCK": agent} if agent else {})}
        # Without a home of its own curl looks up the user's, for a .netrc there.
        return {**kept, "HOME": os.devnull, "GIT_ALLOW_PROTOCOL": address.protocol}


def as_environment(config: Mapping[str, str]) -> dict[str, str]:
    """Settings for one run of git, as variables."""
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for number, (key, value) in enumerate(config.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def as_partial() -> dict[str, str]:
    """Variables for git's check of a mirror: what is not here may be at a server, and is not looked for there."""
    return as_environment({**_PARTIAL, **{f"fsck.{one}": "ignore" for one in _HARMLESS}})


def check_version() -> None:
    """Raise ToolError where git is too old to be told its settings by variables, or not there."""
    said = git("version", at=Path("/"))
    found = _VERSION.match(said.line)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise ToolError(f"wanted git {oldest} or later, found {said.line[:100]!a}", hint="install a later git")


def check_room(said: Said, what: str, where: Path) -> None:
    """Raise ToolError where git failed since the disk is full."""
    if said.status and _FULL.search(said.error):
        raise ToolError(
            f"no room for {what} in {where}: git said {told(said)}",
            hint="make room on that disk, run `flagrelease gc`, or set FLAGRELEASE_HOME elsewhere",
        )


def told(said: Said) -> str:
    """What git said of its failure, in one line."""
    lines = [line.strip() for line in said.error.splitlines() if line.strip()]
    weighty = [line for line in lines if line.startswith(("fatal:", "error:"))]
    for line in (*weighty, *lines[-1:]):
        return "".join(c if c.isprintable() else "?" for c in without_user(line))[:500]
    return f"nothing, and ended with {said.status}"
