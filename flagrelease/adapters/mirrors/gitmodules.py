"""The submodules of a commit: which folders, at which commits, from where .gitmodules says."""

from typing import Final

from flagrelease.adapters.git.run import git
from flagrelease.adapters.mirrors.bare import GITLINK, SYMLINK, Bare, Survey
from flagrelease.adapters.mirrors.whole import Gitlink, spelled

_FILE: Final = b".gitmodules"
_LARGEST: Final = 1 << 18
_MOST: Final = 1000


class _RefusedError(Exception):
    """Why a whole .gitmodules is refused."""


def gitlinks(bare: Bare, survey: Survey) -> tuple[Gitlink, ...]:
    """Every submodule of a commit that is here. What is wrong with its entry is noted, for whoever wants it."""
    links = [one for one in survey.entries if one.mode == GITLINK]
    if not links:
        return ()
    try:
        urls = _urls(bare, survey)
    except _RefusedError as error:
        return tuple(Gitlink(path=spelled(one.path), commit=one.id, fault=str(error)) for one in links)
    return tuple(_gitlink(one.path, one.id, urls.get(one.path, [])) for one in links)


def _gitlink(path: bytes, commit: str, urls: list[str]) -> Gitlink:
    where = spelled(path)
    if not urls:
        return Gitlink(path=where, commit=commit, fault="has no entry in .gitmodules")
    if len(urls) > 1:
        return Gitlink(path=where, commit=commit, fault=f"has {len(urls)} entries in .gitmodules")
    if not urls[0]:
        return Gitlink(path=where, commit=commit, fault="has no `url` in .gitmodules")
    return Gitlink(path=where, commit=commit, url=urls[0])


def _urls(bare: Bare, survey: Survey) -> dict[bytes, list[str]]:
    """By path, the addresses of its entries."""
    file = next((one for one in survey.entries if one.path == _FILE), None)
    if file is None:
        return {}
    if file.mode == SYMLINK:
        raise _RefusedError("cannot be found: .gitmodules is a symlink")
    if survey.sizes[file.id] > _LARGEST:
        raise _RefusedError(f"cannot be found: .gitmodules has more than {_LARGEST} bytes")
    words = ("config", "--blob", file.id, "--no-includes", "-z", "--list")
    said = git(*words, at=bare.folder, extra=bare.environment)
    if said.status:
        raise _RefusedError("cannot be found: git does not understand .gitmodules")
    sections: dict[bytes, dict[bytes, bytes]] = {}
    for line in said.out.split(b"\0")[:-1]:
        key, _, value = line.partition(b"\n")
        head, _, rest = key.partition(b".")
        name, _, field = rest.rpartition(b".")
        if head == b"submodule" and name:
            sections.setdefault(name, {})[field] = value
    if len(sections) > _MOST:
        raise _RefusedError(f"cannot be found: .gitmodules has more than {_MOST} entries")
    return _by_path(sections)


def _by_path(sections: dict[bytes, dict[bytes, bytes]]) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for name, section in sections.items():
        path = section.get(b"path", name).rstrip(b"/")
        if path.startswith(b"/") or b".." in path.split(b"/"):
            raise _RefusedError(f"cannot be found: .gitmodules has the path {spelled(path)}, which leads elsewhere")
        found.setdefault(path, []).append(section.get(b"url", b"").decode("utf-8", "replace"))
    return found
