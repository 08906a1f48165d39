"""Which commit a tag, a branch or the beginning of an id stands for: all mirrors that answer have to agree."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from flagrelease.adapters.mirrors.addresses import Address, upstreams
from flagrelease.adapters.mirrors.remote import REMOTE, Remote, check_version, told
from flagrelease.domain.component import GitSource
from flagrelease.errors import LockError, ToolError

_LINE: Final = re.compile(r"([0-9a-f]{40})\t(refs/\S+)")
_LONGEST_S: Final = 60.0
_STALL_S: Final = 20
_MOST_BYTES: Final = 256 << 20


def _quiet(_text: str) -> None:
    """Say nothing."""


def remote_commit(source: GitSource, environ: Mapping[str, str], say: Callable[[str], None] = _quiet) -> str:
    """All 40 digits of the commit. Asks the repository and its mirrors for their refs; fetches nothing.

    Args:
        source: The repository, its mirrors, and a tag, a branch or a commit.
        environ: Environment variables: where forges are, proxies.
        say: Takes a line for people on each that does not answer.

    Raises:
        LockError: none of them can be reached, nothing there fits, or they do not say the same.
        SourceError: a variable names no address.
        ToolError: git is not on this machine, or too old.
    """
    check_version()
    remote = Remote(environ=environ, stall_s=_STALL_S, longest_s=_LONGEST_S)
    found: dict[str, str | LockError] = {}
    silent = []
    for address in (one.address(environ) for one in upstreams(source)):
        try:
            refs = _refs(address, remote)
        except LockError as error:
            silent.append(f"{address.shown}: {error.message}")
            say(f"{source.repository}: {address.shown} is passed over: {error.message}")
            continue
        try:
            found[address.shown] = _found(source, refs)
        except LockError as error:
            found[address.shown] = error
    if not found:
        more = "" if len(silent) == 1 else ", and no mirror does"
        lines = [f"{source.repository}: the forge does not list it{more}", *(f"  {one}" for one in silent)]
        raise LockError("\n".join(lines), hint="check the network and name")
    return _agreed(source, found)


def _agreed(source: GitSource, found: Mapping[str, str | LockError]) -> str:
    errors = [one for one in found.values() if isinstance(one, LockError)]
    commits = {one for one in found.values() if isinstance(one, str)}
    # That no ref of a mirror begins with some digits says nothing about them; that it lacks a tag or branch does.
    if len(commits) == 1 and (not errors or (source.commit and not source.tag)):
        return commits.pop()
    if not commits and len({error.message for error in errors}) == 1:
        raise errors[0]
    lines = [f"  {who}: {one.message if isinstance(one, LockError) else one}" for who, one in found.items()]
    wanted = source.tag or source.commit or source.branch
    raise LockError(
        "\n".join([f"{source.repository}: its mirrors do not name the same commit for {wanted}", *lines]),
        hint="write the commit that is meant into the recipe with all its 40 digits, or drop the mirror that is wrong",
    )


def _refs(address: Address, remote: Remote) -> dict[str, str]:
    try:
        said = remote.git(address, "ls-remote", "--heads", "--tags", REMOTE, at=Path("/"))
    except ToolError as error:
        if "did not end" not in error.message:
            raise
        raise LockError(f"no answer within {_LONGEST_S:g} s") from error
    if said.status:
        raise LockError(told(said))
    if len(said.out) > _MOST_BYTES:
        raise LockError(f"it lists more than {_MOST_BYTES} bytes of refs")
    return {ref: commit for commit, ref in _LINE.findall(said.out.decode("utf-8", "replace"))}


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
