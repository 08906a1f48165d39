"""Requests beside git's own: by the proxies and authorities of the machine, and by nothing of the user's."""

from typing import Final

import requests
from requests.utils import should_bypass_proxies

from flagrelease.adapters.mirrors.remote import Remote

_SCHEMES: Final = ("http", "https", "all")


def prepare(session: requests.Session, remote: Remote, url: str) -> None:
    """Set a session up for one server: no .netrc has a say."""
    session.trust_env = False
    session.verify = remote.environ.get("SSL_CERT_FILE") or True
    none = _variable(remote, "no_proxy")
    found = {scheme: value for scheme in _SCHEMES if (value := _variable(remote, f"{scheme}_proxy"))}
    session.proxies = {} if should_bypass_proxies(url, no_proxy=none or "") else found


def _variable(remote: Remote, name: str) -> str | None:
    return remote.environ.get(name) or remote.environ.get(name.upper())
