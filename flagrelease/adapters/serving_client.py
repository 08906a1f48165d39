"""The HTTP client of the smoke checks, on the standard library: plain, small and deaf to the environment.

`requests` was not taken: a timeout there restarts with every byte that comes, and a server under test may send one a
minute. Here a request has one deadline for all of it, a limit on the body, and no retry, redirect, proxy or decoding
hides what the server really did. A streamed answer is read to its end like any other.
"""

import http.client
import time
from urllib.parse import urlsplit

from flagrelease.errors import SmokeError
from flagrelease.ports import Reply

TIMEOUT_S = 300.0
BODY_LIMIT = 16 << 20
_PIECE = 1 << 16


class ServingClient:
    """Fulfils `ports.Endpoint`. Safe to use from several threads: each request has its own connection."""

    def __init__(self, base_url: str, *, timeout_s: float = TIMEOUT_S, body_limit: int = BODY_LIMIT) -> None:
        self._at = urlsplit(base_url)
        self._timeout_s = timeout_s
        self._body_limit = body_limit

    def get(self, path: str) -> Reply:
        """GET `path`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> Reply:
        """POST `body` as `application/json` to `path`."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: bytes | None) -> Reply:
        started = time.monotonic()
        connection = http.client.HTTPConnection(self._at.hostname or "", self._at.port, timeout=self._timeout_s)
        try:
            connection.request(method, self._at.path.rstrip("/") + path, body, {"Content-Type": "application/json"})
            # Kept, since an answer that ends with its connection takes the socket from it.
            sock = connection.sock
            answer = connection.getresponse()
            found = b""
            # Newer Pythons close an answer, and with it the socket, as soon as its last byte is read.
            while not answer.isclosed():
                # Never 0, which would mean to wait for nothing at all.
                sock.settimeout(max(0.001, started + self._timeout_s - time.monotonic()))
                piece = answer.read1(_PIECE)
                if not piece:
                    break
                found += piece
                if len(found) > self._body_limit:
                    raise SmokeError(f"{method} {path}: the answer is longer than {self._body_limit} bytes")
            if answer.length:
                raise http.client.IncompleteRead(found, answer.length)
        except TimeoutError as error:
            raise SmokeError(f"{method} {path}: no whole answer within {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise SmokeError(f"{method} {path}: no whole answer: {_words(error)}") from error
        finally:
            connection.close()
        media_type = answer.headers.get_content_type()
        return Reply(status=answer.status, media_type=media_type, body=found, seconds=time.monotonic() - started)


def _words(error: OSError | http.client.HTTPException) -> str:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return f"{type(error).__name__}{f': {said}' if said else ''}"
