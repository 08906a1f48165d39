"""One request of a download, and what came of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import requests
import urllib3

from flagrelease.adapters.supply.partial import Partial, Validators
from flagrelease.adapters.supply.web import Web
from flagrelease.ports import Progress

_PIECE = 1 << 18
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a download has to be. `sha256` is none only while a lock is made; `size` is in bytes.

    `hint` is told when it could not be had; `gone_hint` instead, if there is one, when an address answered that it is
    not there (404) or not any more (410).
    """

    name: str
    sha256: str | None
    size: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    hint: str = "check the network, or lock the source again if it was replaced"
    gone_hint: str = ""


class AgainError(Exception):
    """Worth another try at the same address."""

    def __init__(self, reason: str, *, asked_s: float = 0.0, restarted: bool = False) -> None:
        super().__init__(reason)
        self.asked_s = asked_s
        self.restarted = restarted


class RefusedError(Exception):
    """This address will not give the file; `gone` when it answered that it does not have it."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


@dataclass(frozen=True)
class Attempt:
    """One request for what is still missing, and what came of it."""

    web: Web
    url: str
    wanted: Wanted
    partial: Partial
    progress: Progress

    def run(self) -> None:
        """Fetch what is missing and check the whole. Raises AgainError, RefusedError, SourceError or ToolError."""
        if self.partial.size > self.wanted.size:
            self.partial.restart()
        if self.partial.size < self.wanted.size:
            self._request()
        self._check_hash()

    def _request(self) -> None:
        known = self.partial.validators()
        if self.wanted.sha256 is None and not self._strong(known):
            # No hash will tell whether the pieces are of one file.
            self.partial.restart()
        try:
            with self.web.open(self.url, headers=self._headers(known)) as response:
                self._check_status(response)
                self._check_answer(response, known)
                self.partial.note(Validators(url=self.url, etag=response.headers.get("ETag", "")))
                self._read(response)
        except requests.RequestException as error:
            raise AgainError(f"no answer ({type(error).__name__})") from error
        except urllib3.exceptions.HTTPError as error:
            at = f"{self.partial.size} of {self.wanted.size} bytes"
            raise AgainError(f"cut after {at} ({type(error).__name__})") from error
        if self.partial.size < self.wanted.size:
            raise AgainError(f"ended after {self.partial.size} of {self.wanted.size} bytes")

    def _headers(self, known: Validators | None) -> dict[str, str]:
        headers = dict(self.wanted.headers)
        if self.partial.size:
            headers["Range"] = f"bytes={self.partial.size}-"
            if known and self._strong(known):
                headers["If-Range"] = known.etag
        return headers

    def _strong(self, known: Validators | None) -> bool:
        """Whether the tag is this address's and not weak: a weak one may not be in If-Range (RFC 9110, 13.1.5)."""
        return known is not None and known.url == self.url and known.etag.startswith('"')

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _LATER:
            raise AgainError(f"the server answered {status}", asked_s=_retry_after_s(response))
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and self.partial.size:
            fetched = self.partial.size
            raise self._restarted(
                f"wanted {self.wanted.size} bytes, the server has not even the {fetched} fetched (416)"
            )
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise RefusedError(f"it is not there ({status})", gone=True)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise RefusedError(f"the server does not allow it ({status})")
        if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise RefusedError(f"the server answered {status}")

    def _check_answer(self, response: requests.Response, known: Validators | None) -> None:
        """Fit the answer to the bytes so far: go on behind them, begin anew, or refuse the file."""
        if response.status_code == HTTPStatus.OK:
            if self.partial.size:
                self.partial.restart()
            self._check_size(stated_length(response))
            return
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not self.partial.size or match is None or int(match[1]) != self.partial.size:
            raise self._restarted("the server sent another range than it was asked for")
        if match[3] != "*":
            self._check_size(int(match[3]))
        etag = response.headers.get("ETag", "")
        if known and known.url == self.url and known.etag and etag and known.etag != etag:
            raise self._restarted("the file changed on the server")
        self.partial.mixed = True

    def _check_size(self, found: int | None) -> None:
        if found is not None and found != self.wanted.size:
            self.partial.restart()
            raise RefusedError(f"wanted {self.wanted.size} bytes, the server has {found}")

    def _read(self, response: requests.Response) -> None:
        while data := response.raw.read1(_PIECE, decode_content=False):
            left = self.wanted.size - self.partial.size
            if len(data) > left:
                self.partial.restart()
                raise RefusedError(f"wanted {self.wanted.size} bytes, the server sent more")
            self.partial.append(data, expected=left)
            self.progress(self.partial.size, self.wanted.size)

    def _check_hash(self) -> None:
        found = self.partial.hexdigest
        if self.wanted.sha256 in {None, found}:
            return
        reason = f"wanted sha256:{self.wanted.sha256}, found sha256:{found}"
        if self.partial.mixed:
            raise self._restarted(reason)
        self.partial.restart()
        raise RefusedError(reason)

    def _restarted(self, reason: str) -> AgainError:
        self.partial.restart()
        return AgainError(reason, restarted=True)


def stated_length(response: requests.Response) -> int | None:
    """The body's length in bytes, when the header is a sane number."""
    stated = response.headers.get("Content-Length", "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else None  # noqa: PLR2004


def _retry_after_s(response: requests.Response) -> float:
    stated = response.headers.get("Retry-After", "")
    return float(stated) if stated.isascii() and stated.isdigit() and len(stated) < 7 else 0.0  # noqa: PLR2004
