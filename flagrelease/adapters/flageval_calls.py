"""Calls of the FlagEval service: answers of bounded size and time, retries, no redirect, no secret in a message."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from flagrelease.errors import RecipeError, SourceError
from flagrelease.formats.json_tree import check_json
from flagrelease.formats.positions import UnreadableError

ANSWER_LIMIT: Final = 4 << 20
"""Bytes of one answer; one of six datasets has some thousand."""

_TRIES: Final = 5
_LONGEST_PAUSE_S: Final = 60.0
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class NotSentError(SourceError):
    """The request never left, so nothing can have been started."""


class ServiceCalls:
    """One service. Arguments as in `FlagEvalService`."""

    def __init__(self, address: str, *, token_variable: str, timeout_s: float, pause: Callable[[float], None]) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise RecipeError(
                "the service's address: wanted http(s)://HOST, without a user or a query",
                hint="secrets come from environment variables",
            )
        self._base = address.rstrip("/")
        self._is_safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
        self._token = self.secret(token_variable)
        self._timeout_s, self._pause = timeout_s, pause
        self._session = requests.Session()
        # A netrc of this machine is not for the service.
        self._session.auth = _nobody

    def secret(self, variable: str) -> str:
        """What that environment variable holds; nothing for no variable. Raises RecipeError."""
        if not variable:
            return ""
        found = os.environ.get(variable, "")
        if not found:
            raise RecipeError(f"wanted a secret in the environment variable {variable}, found none")
        if not self._is_safe:
            raise RecipeError(
                f"{self._base}: wanted https, since {variable} holds a secret, found http",
                hint="give the service's https address",
            )
        return found

    def close(self) -> None:
        """End all connections."""
        self._session.close()

    def asked(self, method: str, path: str, body: Mapping[str, Any], *, tries: int = _TRIES) -> Mapping[str, Any]:
        """The answer as an object whose `err_code` is 0.

        A busy or silent service is asked again, more and more slowly.
        """
        reason = ""
        for attempt in range(tries):
            if attempt:
                self._pause(min(2.0**attempt, _LONGEST_PAUSE_S))
            try:
                status, data = self._sent(method, path, body)
            except (requests.RequestException, HTTPError) as error:
                if tries == 1 and _was_refused(error):
                    raise NotSentError(f"{self._base}{path}: no connection", hint="check the address") from error
                reason = f"no whole answer ({type(error).__name__})"
                continue
            if status in _BUSY:
                reason = f"it answered {status}"
                continue
            return self._believed(path, status, data)
        raise SourceError(f"{self._base}{path}: {reason}, {tries} times", hint="check the service and try again")

    def _believed(self, path: str, status: int, data: bytes) -> Mapping[str, Any]:
        if status != 200:  # noqa: PLR2004 - the only status with an answer
            moved = " (a redirect is not followed)" if 300 <= status < 400 else ""  # noqa: PLR2004
            raise SourceError(f"{self._base}{path}: wanted an answer, found status {status}{moved}")
        answer = json_object(data, f"{self._base}{path}")
        if answer.get("err_code") != 0 or isinstance(answer.get("err_code"), bool):
            said = line_of(answer.get("err_msg", answer.get("err_message")))
            raise SourceError(f"{self._base}{path}: refused, `err_code` {line_of(answer.get('err_code'))}: {said}")
        return answer

    def _sent(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        until = time.monotonic() + self._timeout_s
        with self._session.request(
            method, f"{self._base}{path}", json=body, headers={"Accept-Encoding": "identity", **headers},
            stream=True, allow_redirects=False, timeout=(min(15.0, self._timeout_s), self._timeout_s),
        ) as response:  # fmt: skip
            data = bytearray()
            # What is there is taken, not what fills a piece: a byte a minute is left in time too.
            while piece := response.raw.read1(1 << 16):
                data += piece
                if len(data) > ANSWER_LIMIT:
                    raise SourceError(f"{self._base}{path}: wanted at most {ANSWER_LIMIT:,} bytes, found more")
                if time.monotonic() > until:
                    raise SourceError(f"{self._base}{path}: the answer had no end after {self._timeout_s:g} seconds")
            return response.status_code, bytes(data)

    def nonsense(self, path: str, wanted: str, found: Any) -> SourceError:
        """The error of an answer that is not what it has to be."""
        return SourceError(f"{self._base}{path}: wanted {wanted}, found {line_of(found)!r}")


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _was_refused(error: Exception) -> bool:
    """Whether the connection itself was refused."""
    return isinstance(error, requests.ConnectionError) and "NewConnectionError" in repr(error)


def json_object(data: bytes, place: str) -> Mapping[str, Any]:
    """One object, read strictly. Raises SourceError."""
    try:
        text = data.decode()
        is_unique = check_json(text)
    except UnicodeDecodeError as error:
        raise SourceError(f"{place}: not UTF-8 at byte {error.start:,}") from error
    except UnreadableError as stop:
        raise SourceError(f"{place}: {stop.fault.text}", hint="the answer may have been cut off") from stop
    found = json.loads(text)
    if not isinstance(found, dict) or not is_unique:
        what = "a key twice" if isinstance(found, dict) else type(found).__name__
        raise SourceError(f"{place}: wanted an object, found {what}")
    return found


def id_of(value: Any, place: str) -> str:
    """An evaluation's id. Raises SourceError for what could be anything else."""
    if not isinstance(value, str) or not _ID.match(value):
        raise SourceError(f"{place}: wanted a `request_id` of letters and digits, found {line_of(value)!r}")
    return value


def is_share(value: Any) -> bool:
    """Whether it is a number from 0 to 100."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100  # noqa: PLR2004


def line_of(value: Any) -> str:
    """On one line and short, whatever the service says; a single `-` for nothing."""
    return "".join(c if c.isprintable() else " " for c in str(value)).strip()[:120] or "-"
