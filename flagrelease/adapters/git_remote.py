"""Git repositories on a forge: which commit a tag, a branch or the beginning of an id stands for."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from flagrelease.adapters.process import run_program
from flagrelease.domain.component import GitSource
from flagrelease.errors import LockError, ToolError

_FORGES = {"github": "https://github.com", "gitcode": "https://gitcode.com", "gitee": "https://gitee.com"}
_LINE = re.compile(r"([0-9a-f]{40})\t(refs/\S+)")
_TIMEOUT_S = 60.0
_KEPT = ("PATH", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE")


def remote_address(source: GitSource, environ: Mapping[str, str]) -> str:
    """Where the repository is: below FLAGRELEASE_FORGE_GITHUB (…_GITCODE, …_GITEE) where a site sets it."""
    base = environ.get(f"FLAGRELEASE_FORGE_{source.forge.upper()}") or _FORGES[source.forge]
    return f"{base.rstrip('/')}/{source.repository}.git"


def remote_commit(source: GitSource, environ: Mapping[str, str]) -> str:
    """All 40 digits of the commit. Asks the forge for its refs; fetches nothing.

    Raises:
        LockError: the forge cannot be reached, or nothing there fits.
        ToolError: git is not on this machine.
    """
    address = remote_address(source, environ)
    # No question may be asked on the terminal, and no configuration of the user may send us elsewhere.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    kept = {
        name: environ[name] for name in ("PATH", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY") if name in environ
    }
    argv = ["git", "ls-remote", "--heads", "--tags", "--", address]
    try:
        done = run_program(argv, log=None, timeout_s=_TIMEOUT_S, env={**kept, **quiet}, cwd=Path("/"))
    except ToolError as error:
        raise LockError(f"{source.repository}: {error.message}", hint=error.hint) from error
    if done.returncode:
        said = next(iter(done.tail.strip().splitlines()[-1:]), "nothing")
        raise LockError(f"{source.repository}: the forge does not list it: {said}", hint="check the network and name")
    refs = {ref: commit for commit, ref in _LINE.findall(done.stdout)}
    return _found(source, refs)


def _found(source: GitSource, refs: Mapping[str, str]) -> str:
    if source.tag:
        # An annotated tag is an object of its own; `^{}` is the commit it stands for.
        commit = refs.get(f"refs/tags/{source.tag}^{{}}") or refs.get(f"refs/tags/{source.tag}")
        if commit is None:
            raise LockError(f"{source.repository} has no tag {source.tag}", hint="check `tag` in the recipe")
        if source.commit and not commit.startswith(source.commit):
            raise LockError(
                f"{source.repository}: tag {source.tag} is {commit}, the recipe says {source.commit}",
                hint="the tag was moved, or one of the two is wrong: keep the commit, and drop the tag",
            )
        return commit
    if source.commit:
        fits = {commit for commit in refs.values() if commit.startswith(source.commit)}
        if len(fits) == 1:
            return fits.pop()
        raise LockError(
            f"{source.repository}: {len(fits)} refs begin with {source.commit}",
            hint="write all 40 digits of the commit into the recipe",
        )
    commit = refs.get(f"refs/heads/{source.branch}")
    if commit is None:
        raise LockError(f"{source.repository} has no branch {source.branch}", hint="check `branch` in the recipe")
    return commit
