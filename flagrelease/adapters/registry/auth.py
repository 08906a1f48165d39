"""Who we are to a registry: docker's configuration file, and the challenges of RFC 9110 and the token flow."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests.auth import AuthBase

from flagrelease.errors import PublishError
from flagrelease.oci.untrusted import json_object

_CONFIG_LIMIT = 1 << 20
_HEADER_LIMIT = 8 << 10
_PART = re.compile(
    r"\b(?P<scheme>basic|bearer)\s+(?=[a-z_]+\s*=)"
    r'|\b(?P<name>[a-z_]+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s",]+))',
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A name and a secret for one registry. The secret is in no `repr`."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Authorization(AuthBase):
    """One header value, or none; keeps requests from asking the .netrc."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the header."""
        if self._value:
            request.headers["Authorization"] = self._value
        return request


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What a registry asks for: `basic`, or `bearer` with the place that hands out tokens."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenge(header: str) -> Challenge | None:
    """The first challenge of a `WWW-Authenticate` header that we can answer, `bearer` before `basic`."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for part in _PART.finditer(header[:_HEADER_LIMIT]):
        if part["scheme"]:
            current = found.setdefault(part["scheme"].lower(), {})
        else:
            # The first one counts: what follows may belong to a scheme we do not know.
            current.setdefault(part["name"].lower(), part["quoted"] or part["bare"] or "")
    for scheme in ("bearer", "basic"):
        if scheme in found:
            return Challenge(scheme=scheme, parameters=found[scheme])
    return None


def docker_config_file(environment: Mapping[str, str], home: Path) -> Path:
    """Where docker keeps its credentials: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`."""
    folder = environment.get("DOCKER_CONFIG")
    return (Path(folder) if folder else home / ".docker") / "config.json"


def docker_credentials(host: str, config: Path) -> Credentials | None:
    """What the `auths` of a docker configuration file hold for `host`; None when that is nothing.

    Raises:
        PublishError: the file is damaged, or keeps this host's secret in a credential program, which is not run.
    """
    try:
        with config.open("rb") as file:
            content = file.read(_CONFIG_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise PublishError(
            f"{config} cannot be read: {fault.strerror}", hint="point DOCKER_CONFIG elsewhere"
        ) from fault
    document = json_object(content, str(config))
    entry = _entry(document.get("auths"), host)
    if entry is None:
        return None
    secret = entry.get("auth")
    if isinstance(secret, str) and secret:
        return _decoded(secret, host, config)
    if "identitytoken" in entry or document.get("credsStore") or document.get("credHelpers"):
        raise PublishError(
            f"{config} has no password for {host}: a credential program or an identity token holds it",
            hint=f"log in to {host} with a DOCKER_CONFIG that has no `credsStore`",
        )
    return None


def _entry(auths: object, host: str) -> dict[str, object] | None:
    if not isinstance(auths, dict):
        return None
    for key, value in auths.items():
        bare = re.sub(r"^https?://", "", str(key))
        if re.sub(r"(/v[12])?/?$", "", bare) == host and isinstance(value, dict):
            return value
    return None


def _decoded(secret: str, host: str, config: Path) -> Credentials:
    try:
        username, colon, password = base64.b64decode(secret, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        # Without `from`: the fault quotes the secret.
        raise PublishError(f"{config}: `auth` of {host} is not base64 of NAME:PASSWORD", hint="log in again") from None
    if not username or not colon:
        raise PublishError(f"{config}: `auth` of {host} is not base64 of NAME:PASSWORD", hint="log in again")
    return Credentials(username=username, password=password.rstrip("\x00"))
