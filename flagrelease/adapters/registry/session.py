"""HTTP with one registry: who we are, when to try again, where to go, and how much of an answer is read."""

import re
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import requests

from flagrelease.adapters.registry.answer import limited, reason
from flagrelease.adapters.registry.auth import Authorization, Challenge, Credentials, parse_challenge
from flagrelease.adapters.registry.body import Body
from flagrelease.errors import PublishError
from flagrelease.oci.reference import Repository, is_loopback, joined, origin, shown
from flagrelease.oci.untrusted import json_object

OK, CREATED, ACCEPTED, MISSING = 200, 201, 202, 404
_REDIRECTS = (301, 302, 303, 307, 308)
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_FAULT = 401, 403, 429, 500
_MOST_REDIRECTS = 4
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,65536}")
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long and how often a registry is asked; times in seconds."""

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    connect_s: float = 10.0
    answer_s: float = 300.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer that was read whole. `length` and `location` are headers as they came, or empty."""

    status: int
    body: bytes
    length: str
    location: str


class TransientError(Exception):
    """A request that may well succeed when it is made again; `wait_s` is what the server asked for, in seconds."""

    def __init__(self, message: str, *, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _NoRedirects(requests.Session):
    """Even when told not to follow redirects, requests reads their bodies whole and looks for a .netrc."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class RegistrySession:
    """Connections to the registry of one repository.

    Args:
        repository: Where to.
        credentials: Asked only when the registry wants to know who we are.
        patience: How often and how long.
        download_hosts: Hosts other than the registry that a download may be redirected to; they get no credentials.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        credentials: Callable[[], Credentials | None],
        patience: Patience,
        download_hosts: Container[str] = (),
    ) -> None:
        self.repository = repository
        self._credentials = credentials
        self._patience = patience
        self._download_hosts = download_hosts
        self._root = f"{repository.scheme}://{repository.host}"
        self._authorization = ""
        self._was_answered = self._has_arrived = False
        self._http = _NoRedirects()
        # A proxy of the environment has no business on the loopback.
        self._http.trust_env = not repository.loopback
        self._http.headers.update({"Accept-Encoding": "identity", "User-Agent": "flagrelease"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def url(self, path: str) -> str:
        """The address of something in the repository, or of the registry's root when `path` is empty."""
        return f"{self._root}/v2/{self.repository.path}/{path}" if path else f"{self._root}/v2/"

    def retried(self, action: Callable[[], _T]) -> _T:
        """Do it, again when it was interrupted, waiting twice as long each time.

        Raises:
            PublishError: it was interrupted as often as we have patience.
        """
        wait = self._patience.first_wait_s
        for left in reversed(range(self._patience.attempts)):
            try:
                return action()
            except TransientError as fault:
                if not left:
                    raise PublishError(
                        f"{self.repository.host}: {fault}, {self._patience.attempts} times",
                        hint=self._after_all(),
                    ) from fault
                self._patience.sleep(min(max(wait, fault.wait_s), self._patience.longest_wait_s))
                wait *= 2
        raise AssertionError("patience allows no attempt")

    def ask(
        self,
        method: str,
        url: str,
        *,
        want: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> Answer:
        """One request, once, with its answer read whole.

        Raises:
            TransientError: the connection was cut, or the server is busy or at fault.
            PublishError: the server said no, or answers what cannot be.
        """
        with self.open(method, url, want=want, headers=headers, body=body) as response:
            self._has_arrived |= method == "PUT"
            return Answer(
                status=response.status_code,
                body=limited(response, self._at(method, url)),
                length=response.headers.get("Content-Length", ""),
                location=response.headers.get("Location", ""),
            )

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        want: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> Iterator[requests.Response]:
        """One request, once; the answer's body is yet to be read. Raises what `ask` raises."""
        at = self._at(method, url)
        try:
            with self._authorized(method, url, headers or {}, body) as response:
                self._refuse(response, want, at)
                yield response
        except requests.RequestException as fault:
            if "CERTIFICATE_VERIFY_FAILED" in str(fault):
                raise PublishError(
                    f"{self.repository.host} shows a certificate that is not trusted here",
                    hint="point REQUESTS_CA_BUNDLE at the certificate of its authority",
                ) from fault
            raise TransientError(f"{at}: the connection failed ({type(fault).__name__})") from fault

    def own(self, url: str, location: str) -> str:
        """Where an answer of `url` sends us.

        Raises:
            PublishError: nowhere, or away from the registry.
        """
        if not location:
            raise PublishError(f"{self.repository.host} does not say where to go on from {self._at('POST', url)}")
        return self._ours(joined(url, location))

    # Who we are ------------------------------------------------------------------------------------

    def _authorized(self, method: str, url: str, headers: dict[str, str], body: Body | None) -> requests.Response:
        response = self._followed(method, url, headers, body)
        if response.status_code != _UNAUTHORIZED:
            return response
        response.close()
        challenge = parse_challenge(response.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            raise PublishError(
                f"{self.repository.host} wants to know who we are in a way that is neither Basic nor Bearer"
            )
        self._authorization = self._answer_to(challenge)
        return self._followed(method, url, headers, body)

    def _answer_to(self, challenge: Challenge) -> str:
        credentials = self._credentials()
        if challenge.scheme == "bearer":
            return f"Bearer {self._token(challenge, credentials)}"
        if credentials is None:
            host = self.repository.host
            raise PublishError(f"{host} wants a name and a password, and none is known", hint=self._login())
        return credentials.basic()

    def _token(self, challenge: Challenge, credentials: Credentials | None) -> str:
        """The token flow of the distribution project (`token.md`), asking for this repository and no other."""
        realm = challenge.parameters.get("realm", "")
        scheme, host, _port = origin(realm)
        at_home = self.repository.loopback and is_loopback(host)
        if scheme != "https" and not (scheme == "http" and at_home):
            raise PublishError(f"{self.repository.host} sends us to `{shown(realm)}` for a token: not over https")
        query = {"scope": f"repository:{self.repository.path}:pull,push"}
        if service := challenge.parameters.get("service", ""):
            query["service"] = service
        who = Authorization(credentials.basic() if credentials else "")
        with self._http.get(
            realm, params=query, auth=who, stream=True, allow_redirects=False, timeout=self._timeout
        ) as response:
            self._refuse(response, (OK,), f"GET {shown(realm)}")
            answer = json_object(limited(response, "the token service"), "the answer of the token service")
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise PublishError(f"the token service `{shown(realm)}` gave no token")
        return token

    def _after_all(self) -> str:
        """What to do when there is no patience left."""
        if self._has_arrived:
            return "publish again: what has arrived is not sent a second time"
        if self._was_answered:
            return "publish again when the registry is well: nothing has been sent to it yet"
        return f"see that a registry listens at {self.repository.host} and can be reached from here, then publish again"

    def _login(self) -> str:
        return f"run `docker login {self.repository.host}`, or point DOCKER_CONFIG at the folder of a config.json"

    # Where to --------------------------------------------------------------------------------------

    def _followed(self, method: str, url: str, headers: dict[str, str], body: Body | None) -> requests.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            ours = origin(url) == origin(self._root)
            response = self._http.request(
                method,
                url,
                headers=headers,
                data=body if body is not None and len(body) else b"",
                auth=Authorization(self._authorization if ours else ""),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            self._was_answered = True
            if response.status_code not in _REDIRECTS or method not in ("GET", "HEAD"):
                return response
            response.close()
            url = self._downloadable(joined(url, response.headers.get("Location", "")))
        raise PublishError(f"{self.repository.host} redirects more than {_MOST_REDIRECTS} times")

    def _downloadable(self, url: str) -> str:
        scheme, host, _port = origin(url)
        if scheme == "https" and host in self._download_hosts:
            return url
        return self._ours(url)

    def _ours(self, url: str) -> str:
        if origin(url) != origin(self._root):
            raise PublishError(
                f"{self.repository.host} sends us to `{shown(url)}`: only {self._root} is trusted with this release",
                hint="let the registry serve uploads and downloads itself, under the address given",
            )
        return url

    # What came -------------------------------------------------------------------------------------

    def _refuse(self, response: requests.Response, want: tuple[int, ...], at: str) -> None:
        status = response.status_code
        if status in want:
            return
        if status == _TOO_MANY or status >= _SERVER_FAULT:
            asked = response.headers.get("Retry-After", "")
            wait_s = float(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 0.0
            raise TransientError(f"{at}: {status}", wait_s=wait_s)
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise PublishError(f"{self.repository.host} does not let us in: {at}: {status}", hint=self._login())
        wanted = " or ".join(str(each) for each in want)
        raise PublishError(f"{self.repository.host}: {at}: wanted {wanted}, found {status}{reason(response)}")

    def _at(self, method: str, url: str) -> str:
        return f"{method} {urlsplit(url).path}"

    @property
    def _timeout(self) -> tuple[float, float]:
        return (self._patience.connect_s, self._patience.answer_s)
