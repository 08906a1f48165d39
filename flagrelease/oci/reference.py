"""Names of repositories and tags, by the grammar of the OCI distribution specification, and addresses."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urldefrag, urljoin, urlsplit

from flagrelease.errors import PublishError

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?")
_REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LONGEST = 255
_LAST_PORT = 65535
_PORTS = {"http": 80, "https": 443}
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One repository of one registry: `HOST[:PORT]/PATH`."""

    host: str
    path: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether the registry is this machine, reached without leaving it."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> Literal["http", "https"]:
        """Plain HTTP for this machine alone; nobody can listen in on the loopback."""
        return "http" if self.loopback else "https"


def is_loopback(host: str) -> bool:
    """Whether `HOST[:PORT]` is `localhost` or a loopback address written as a number."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse_repository(text: str) -> Repository:
    """`HOST:PORT/REPO` or `HOST/REPO`, as docker writes it: a host has a dot or a port, or is `localhost`.

    Raises:
        PublishError: the text is not such a name, or names a tag or a digest as well.
    """
    host, slash, path = text.partition("/")
    if not slash or not path:
        raise PublishError(f"`{text}` does not name a repository: wanted HOST:PORT/REPO", hint=_like(text))
    if not (_is_host(host) and ("." in host or ":" in host or host.lower() == "localhost")):
        raise PublishError(f"`{text}` does not start with a registry's host: found `{host}`", hint=_like(text))
    if "@" in path or ":" in path:
        bare = re.split(r"[@:]", path, maxsplit=1)[0]
        raise PublishError(
            f"`{text}` names a tag or a digest: the release chooses both", hint=f"did you mean `{host}/{bare}`?"
        )
    if _REPOSITORY.fullmatch(path) is None or len(text) > _LONGEST:
        lower = path.lower()
        better = _REPOSITORY.fullmatch(lower) is not None and len(text) <= _LONGEST
        raise PublishError(
            f"`{path}` is not a repository's name: wanted lower-case letters, digits, single `.`, `_`, `-` inside, `/`",
            hint=f"did you mean `{host}/{lower}`?" if better else _like(text),
        )
    return Repository(host=host, path=path)


def check_tag(tag: str) -> str:
    """The tag itself.

    Raises:
        PublishError: it is not a tag by the OCI distribution specification.
    """
    if _TAG.fullmatch(tag) is None:
        raise PublishError(
            f"`{tag}` is not a tag: wanted 1 to 128 letters, digits, `.`, `_` or `-`, not starting with `.` or `-`",
            hint="use a tag such as `r1`",
        )
    return tag


def joined(url: str, location: str) -> str:
    """Where a `Location` in the answer of `url` leads.

    Raises:
        PublishError: it is no address.
    """
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError as fault:
        raise PublishError("the registry sends us to an address that makes no sense") from fault


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host in lower case, and port.

    Raises:
        PublishError: it is no plain http or https address, or carries a name or a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise PublishError("the registry sends us to an address that makes no sense") from fault
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        raise PublishError(f"the registry sends us to `{shown(url)}`, which is no plain http or https address")
    return (parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme])


def shown(url: str) -> str:
    """An address for people: without its query, which may hold a key, nor a name and password."""
    bare = re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])
    return "".join(letter for letter in bare if letter.isprintable())[:_SHOWN]


def _is_host(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and (match["port"] is None or 0 < int(match["port"]) <= _LAST_PORT)


def _like(text: str) -> str:
    path = text.strip("/").rpartition("://")[2]
    if "://" in text and "/" in path:
        return f"did you mean `{path}`?"
    return "write it as `127.0.0.1:5000/team/bundle`, or `oci:DIR` for a folder"
