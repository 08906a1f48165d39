"""A repository that was renamed on its forge: where the server sends us, as long as that is the same server."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

import requests

from flagrelease.adapters.mirrors.addresses import Address, same_host
from flagrelease.adapters.mirrors.remote import Remote
from flagrelease.adapters.mirrors.sessions import prepare

_REFS: Final = "/info/refs"
_QUESTION: Final = f"{_REFS}?service=git-upload-pack"
_MOVED: Final = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
_TIMEOUT_S: Final = 30.0


def moved_to(address: Address, remote: Remote) -> Address | None:
    """Its new address on the same server; none where it leads to another one, or nowhere."""
    session = requests.Session()
    prepare(session, remote, address.url)
    try:
        with session, session.get(address.url + _QUESTION, allow_redirects=False, timeout=_TIMEOUT_S) as answer:
            there = urljoin(address.url + _QUESTION, answer.headers.get("Location", ""))
            status = answer.status_code
    except requests.RequestException:
        return None
    path, _, question = there.partition("?")
    if status not in _MOVED or question != _QUESTION.partition("?")[2] or not path.endswith(_REFS):
        return None
    url = path.removesuffix(_REFS)
    return Address(url=url, protocol=address.protocol) if same_host(url, address.url) and url != address.url else None
