"""The address of a submodule, as somebody else's .gitmodules writes it: refused unless it is a plain one."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from flagrelease.adapters.mirrors.addresses import FORGES, Upstream

_LONGEST: Final = 1000
_HOST: Final = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?\Z")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_PART: Final = re.compile(r"[A-Za-z0-9_.~+][A-Za-z0-9_.~+-]*\Z")
_LIKE_SCP: Final = re.compile(r"(?:(?P<user>[^/:@]+)@)?(?P<host>[^/:@]+):(?P<path>[^:]*)\Z")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]*::")
_OF_FORGES: Final = {base.removeprefix("https://"): (forge, base) for forge, base in FORGES.items()}


class RefusedUrlError(Exception):
    """Why an address is refused, as the end of a sentence about it."""


def submodule_upstreams(url: str, above: Sequence[Upstream]) -> tuple[Upstream, ...]:
    """The repositories that an address means; a relative one is looked for beside each that the superproject is in.

    Args:
        url: As it stands in .gitmodules.
        above: The superproject and its mirrors.

    Raises:
        RefusedUrlError: it is no https, ssh or relative address of a public host, or holds a password.
    """
    if not url or len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise RefusedUrlError("is empty, too long, or has characters that no address has")
    if url.startswith("-"):
        raise RefusedUrlError("begins like an option of git")
    if _HELPER.match(url):
        raise RefusedUrlError("names a program to run")
    if url.startswith(("./", "../")):
        return tuple(dict.fromkeys(_beside(url, one) for one in above))
    if "://" in url:
        return (_absolute(url),)
    if found := _LIKE_SCP.match(url):
        return (_on_host("ssh", found["host"], found["user"], None, found["path"]),)
    raise RefusedUrlError("is a path of this machine")


def _beside(url: str, above: Upstream) -> Upstream:
    folders, rest = above.path.split("/"), url
    while rest.startswith(("./", "../")):
        if rest.startswith("../"):
            if not folders:
                raise RefusedUrlError(f"leads out of {above.base}")
            folders.pop()
        rest = rest.partition("/")[2]
    base = urlsplit(above.base)
    return _on_host(base.scheme, base.hostname or "", base.username, _port(base), "/".join([*folders, rest]))


def _absolute(url: str) -> Upstream:
    try:
        parts = urlsplit(url)
        port = _port(parts)
    except ValueError as error:
        raise RefusedUrlError("cannot be read as an address") from error
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise RefusedUrlError("has more than a path behind its host")
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise RefusedUrlError("holds a user or a password")
    return _on_host(parts.scheme, parts.hostname or "", parts.username, port, parts.path)


def _port(parts: SplitResult) -> int | None:
    return parts.port


def _on_host(protocol: str, host: str, user: str | None, port: int | None, path: str) -> Upstream:
    folders = path.strip("/").split("/")
    if not all(_PART.match(part) and part not in {".", ".."} for part in folders):
        raise RefusedUrlError("has a path that is not plain")
    host = host.lower()
    forge = _OF_FORGES.get(host)
    # A forge is reached as this site reaches it, whatever protocol was written.
    if forge and port is None and protocol in {"https", "http", "git", "ssh"}:
        return Upstream(base=forge[1], path="/".join(folders).removesuffix(".git"), forge=forge[0])
    if protocol not in {"https", "ssh"}:
        raise RefusedUrlError(f"is reached by `{protocol}`, and only https and ssh are allowed")
    if not _HOST.match(host):
        raise RefusedUrlError("names no public host")
    if user is not None and not _USER.match(user):
        raise RefusedUrlError("has a user that is not plain")
    at = f"{user}@" if user else ""
    return Upstream(base=f"{protocol}://{at}{host}{f':{port}' if port else ''}", path="/".join(folders))
