"""Downloads that go on where they stopped and keep nothing but the bytes that were asked for.

The hash of the whole file decides; entity tags, ranges and lengths (RFC 9110) save time and end a wrong answer early.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.attempt import AgainError, Attempt, RefusedError, Wanted, stated_length
from flagrelease.adapters.supply.partial import Partial, folder_of, open_partial
from flagrelease.adapters.supply.web import Web, shown
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError, ToolError
from flagrelease.ports import Progress

_PROGRESS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often an address is tried without getting further, and how long is waited before."""

    attempts: int = 5
    first_s: float = 0.5
    longest_s: float = 30.0

    def wait_s(self, failures: int, asked_s: float) -> float:
        """Seconds before the next try, doubling, at least what the server asked for within the limit."""
        return min(self.longest_s, max(asked_s, self.first_s * 2.0 ** (failures - 1)))


class Downloader:
    """Brings files from the web into a store, each under a lock of its own.

    Args:
        store: Where they go; unfinished ones are in `partial/` of its folder and are resumed by the next call.
        web: Sends the requests.
        offline: Send none; what is missing is an error.
        retry: When to give an address up.
    """

    def __init__(self, store: FileStore, web: Web, *, offline: bool = False, retry: Retry | None = None) -> None:
        self._store = store
        self._web = web
        self._offline = offline
        self._retry = retry or Retry()
        self._partials = folder_of(store.home)

    def fetch(self, wanted: Wanted, urls: Sequence[str], progress: Progress) -> Digest:
        """Fetch one file into the store from the first address that has it.

        Args:
            wanted: Its name, hash and size.
            urls: Where it may be, best first.
            progress: Called with bytes done and total.

        Raises:
            SourceError: No address gave these bytes, or it is not there and `offline` is set.
            ToolError: The disk has no room for it.
        """
        key = _key(wanted, urls)
        with self._store.lock(f"sha256:{key}", shown=wanted.name):
            if wanted.sha256 and self._store.has(f"sha256:{key}"):
                progress(wanted.size, wanted.size)
                return f"sha256:{key}"
            with self._complete(wanted, urls, progress) as partial:
                digest = self._store.adopt(partial.path, partial.fd, f"sha256:{partial.hexdigest}")
                partial.drop_notes()
                return digest

    @contextmanager
    def borrow(self, wanted: Wanted, urls: Sequence[str], progress: Progress) -> Iterator[Path]:
        """Fetch one file without keeping it in the store; it lies beside the unfinished ones until `discard`.

        Raises:
            SourceError: As for `fetch`.
            ToolError: The disk has no room for it.
        """
        with self._store.lock(f"sha256:{_key(wanted, urls)}", shown=wanted.name):
            if wanted.sha256 and self._store.has(f"sha256:{wanted.sha256}"):
                yield self._store.path(f"sha256:{wanted.sha256}")
                return
            with self._complete(wanted, urls, progress) as partial:
                yield partial.path

    def borrowed(self, sha256: str, size: int) -> bool:
        """Whether a whole file lies there from an earlier `borrow`; its content is checked by the next one."""
        path = self._partials / sha256
        return path.is_file() and path.stat().st_size == size

    def discard(self, sha256: str) -> None:
        """Remove what was borrowed, or what is unfinished of a file."""
        with self._store.lock(f"sha256:{sha256}"):
            (self._partials / sha256).unlink(missing_ok=True)
            (self._partials / f"{sha256}.json").unlink(missing_ok=True)

    @contextmanager
    def _complete(self, wanted: Wanted, urls: Sequence[str], progress: Progress) -> Iterator[Partial]:
        with open_partial(self._partials, _key(wanted, urls)) as partial:
            try:
                if partial.size != wanted.size or partial.hexdigest != wanted.sha256:
                    self._may_ask(wanted)
                    self._first(wanted, urls, partial, progress)
                yield partial
            finally:
                if partial.size == 0:
                    partial.drop()

    def size_of(self, url: str, *, name: str, headers: Mapping[str, str] | None = None) -> int:
        """The size in bytes that the server states for a file. Raises SourceError when it states none."""
        self._may_ask(Wanted(name=name, sha256=None, size=0))
        for method in ("HEAD", "GET"):
            with suppress(requests.RequestException), self._web.open(url, headers=headers, method=method) as response:
                length = stated_length(response)
                if response.status_code == HTTPStatus.OK and length is not None:
                    return length
        raise SourceError(f"{name}: {shown(url)} does not say how large it is", hint="try again later")

    def _may_ask(self, wanted: Wanted) -> None:
        if self._offline:
            content = f" (sha256:{wanted.sha256}, {wanted.size} bytes)" if wanted.sha256 else ""
            raise SourceError(
                f"{wanted.name}{content} is not in {self._store.home}, and offline it is not fetched",
                hint="run the command once without --offline",
            )

    def _first(self, wanted: Wanted, urls: Sequence[str], partial: Partial, progress: Progress) -> None:
        failures: list[str] = []
        gone = False
        for url in urls:
            _check_room(wanted, partial)
            try:
                self._from(url, wanted, partial, progress)
            except RefusedError as refusal:
                failures.append(f"  {shown(url)}: {refusal}")
                gone = gone or refusal.gone
                partial.mixed = partial.size > 0
            else:
                return
        tried = "\n".join(failures) or "  no address is known for it"
        raise SourceError(
            f"{wanted.name} could not be fetched\n{tried}", hint=(gone and wanted.gone_hint) or wanted.hint
        )

    def _from(self, url: str, wanted: Wanted, partial: Partial, progress: Progress) -> None:
        """Try one address until the file is whole and right."""
        failures = restarts = 0
        while True:
            before = partial.size
            try:
                return Attempt(self._web, url, wanted, partial, progress).run()
            except AgainError as again:
                restarts += again.restarted
                failures = 1 if partial.size - before >= _PROGRESS else failures + 1
                # Restarts are counted apart: a server that always cuts late and never resumes gets on every time.
                if max(failures, restarts) >= self._retry.attempts:
                    raise RefusedError(f"{again}, after {self._retry.attempts} tries") from again
                time.sleep(self._retry.wait_s(failures, again.asked_s))


def _key(wanted: Wanted, urls: Sequence[str]) -> str:
    return wanted.sha256 or f"url-{hashlib.sha256(' '.join(urls).encode()).hexdigest()}"


def _check_room(wanted: Wanted, partial: Partial) -> None:
    """Refuse before the first byte what will not fit: a disk filled to the brim harms everybody on it."""
    needed = wanted.size - partial.size
    free = shutil.disk_usage(partial.path.parent).free
    if needed > free:
        raise ToolError(
            f"no room for {wanted.name} in {partial.path.parent}: {needed} bytes are to come, {free} are free",
            hint="make room on that disk, run `flagrelease gc`, or set FLAGRELEASE_HOME elsewhere",
        )
