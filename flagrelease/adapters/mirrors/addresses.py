"""What a repository is known as, and the address at which this site reaches it."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from flagrelease.domain.component import Forge, GitSource
from flagrelease.errors import SourceError

FORGES: Final[Mapping[Forge, str]] = {
    "github": "https://github.com",
    "gitcode": "https://gitcode.com",
    "gitee": "https://gitee.com",
}
_PROTOCOLS: Final = ("https", "http", "file", "ssh")
_USER: Final = re.compile(r"(?<=://)[^/@\s'\"]+@")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a repository is asked for. It may hold a secret of the site: people see `shown`."""

    url: str
    protocol: str

    @property
    def shown(self) -> str:
        """The address without user, password and question."""
        return without_user(self.url).partition("?")[0]

    @property
    def plain(self) -> tuple[str, str]:
        """The address without a user of http, for an argument list, and the header that says the same; or none."""
        parts = urlsplit(self.url)
        if self.protocol not in {"http", "https"} or "@" not in parts.netloc:
            return self.url, ""
        user, _, host = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        word = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        return urlunsplit(parts._replace(netloc=host)), f"Authorization: Basic {word}"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A repository by what it is known as everywhere: a forge or a host, and the path there."""

    base: str
    path: str
    forge: Forge | None = None

    @property
    def name(self) -> str:
        """Its public address, as people know it."""
        return f"{self.base}/{self.path}"

    @property
    def folder(self) -> str:
        """A folder name for it on any file system: letters of both cases may be the same there, the digits are not."""
        readable = re.sub(r"[^a-z0-9]+", "-", self.name.partition("://")[2].lower()).strip("-")[:80]
        return f"{readable}.{hashlib.sha256(self.name.encode()).hexdigest()[:16]}.git"

    def address(self, environ: Mapping[str, str]) -> Address:
        """Where this site reaches it: a forge below FLAGRELEASE_FORGE_GITHUB (…_GITCODE, …_GITEE) where that is set.

        Raises:
            SourceError: the variable names something that is no https, http, file or ssh address.
        """
        if self.forge is None:
            return Address(url=self.name, protocol=self.base.partition("://")[0])
        variable = f"FLAGRELEASE_FORGE_{self.forge.upper()}"
        base = environ.get(variable) or FORGES[self.forge]
        protocol = base.partition("://")[0]
        if protocol not in _PROTOCOLS or "://" not in base or not base.isprintable() or any(map(str.isspace, base)):
            raise SourceError(
                f"{variable}: wanted an address with {', '.join(f'{one}://' for one in _PROTOCOLS)}, "
                f"found {without_user(base)!a}",
                hint=f"set {variable} to such an address, or unset it",
            )
        return Address(url=f"{base.rstrip('/')}/{self.path}.git", protocol=protocol)


def upstreams(source: GitSource) -> tuple[Upstream, ...]:
    """The repository of a source and its mirrors, in the order in which they are asked."""
    every = ((source.forge, source.repository), *((one.forge, one.repository) for one in source.mirrors))
    return tuple(
        Upstream(base=FORGES[forge], path=path.removesuffix(".git"), forge=forge)
        for forge, path in dict.fromkeys(every)
    )


def remote_address(source: GitSource, environ: Mapping[str, str]) -> str:
    """Where the repository itself is, not its mirrors. Raises SourceError."""
    return upstreams(source)[0].address(environ).url


def without_user(text: str) -> str:
    """What a program said, without the user and the password of any address in it."""
    return _USER.sub("", text)


def same_host(one: str, other: str) -> bool:
    """Whether two addresses are of one server: protocol, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)
