"""Requests to the web under our own rules: few redirects, never to a weaker scheme, no secret in a message.

Proxies, certificates and netrc come from the environment, as `requests` reads them.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from flagrelease.errors import SourceError

_REDIRECTS = 5
_MOVED = {301, 302, 303, 307, 308}
_TIMEOUT_S = (15.0, 60.0)
_PAGE_TRIES = 3
_PAGE_LIMIT = 64 << 20
_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def shown(url: str) -> str:
    """The address without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass(frozen=True, kw_only=True)
class Page:
    """A small answer, read whole. `url` is where it came from in the end."""

    status: int
    body: bytes
    content_type: str
    url: str


class Web:
    """Sends requests, one session a thread. Close it when done.

    Args:
        timeout_s: Seconds to connect, and seconds without a byte.
        pause_s: Seconds before a page is asked for again.
    """

    def __init__(self, *, timeout_s: tuple[float, float] = _TIMEOUT_S, pause_s: float = 1.0) -> None:
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def session(self) -> requests.Session:
        """This thread's session."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers["User-Agent"] = "flagrelease"
            self._sessions.append(session)
        return session

    def close(self) -> None:
        """End all connections."""
        for session in self._sessions:
            session.close()

    @contextmanager
    def open(
        self, url: str, *, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Iterator[requests.Response]:
        """Send a request and follow its redirects; the body is not read yet.

        Args:
            url: https, or http; only an http address may be redirected to http.
            headers: `Authorization` is dropped when a redirect leaves the host.
            method: `GET` or `HEAD`.

        Raises:
            SourceError: A redirect that is not allowed, or too many of them.
            requests.RequestException: No answer.
        """
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        allowed = {"https", "http"} if urlsplit(url).scheme == "http" else {"https"}
        at = url
        for _ in range(_REDIRECTS + 1):
            if urlsplit(at).scheme not in allowed:
                raise SourceError(
                    f"{shown(url)} leads to {shown(at)}, which is not {' or '.join(sorted(allowed))}",
                    hint="use the address it should lead to",
                )
            response = self.session().request(
                method, at, headers=sent, stream=True, allow_redirects=False, timeout=self._timeout_s
            )
            with response:
                if response.status_code not in _MOVED or "Location" not in response.headers:
                    yield response
                    return
                following = urljoin(at, response.headers["Location"])
            if urlsplit(following).netloc != urlsplit(at).netloc:
                sent.pop("Authorization", None)
            at = following
        raise SourceError(f"{shown(url)} redirects more than {_REDIRECTS} times", hint="use the address it leads to")

    def page(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """Read a small answer: an index page, metadata. A busy or broken server is asked three times.

        Raises:
            SourceError: No answer, or one larger than 64 MiB.
        """
        reason = ""
        for attempt in range(_PAGE_TRIES):
            time.sleep(self._pause_s * attempt)
            try:
                with self.open(url, headers=headers) as response:
                    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and response.status_code not in _BUSY:
                        return _page(response)
                    reason = f"the server answered {response.status_code}"
            except requests.RequestException as error:
                reason = f"no answer ({type(error).__name__})"
        raise SourceError(f"{shown(url)}: {reason}, {_PAGE_TRIES} times", hint="check the network, proxies and mirrors")


def _page(response: requests.Response) -> Page:
    body = bytearray()
    for piece in response.iter_content(1 << 16):
        body += piece
        if len(body) > _PAGE_LIMIT:
            raise SourceError(f"{shown(response.url)}: the answer is larger than {_PAGE_LIMIT} bytes")
    return Page(
        status=response.status_code,
        body=bytes(body),
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        url=response.url,
    )
