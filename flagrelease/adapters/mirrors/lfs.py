"""What Git LFS keeps apart, into the store: asked for in batches, fetched by digest, gone on with after a cut."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flagrelease.adapters.mirrors.addresses import Address
from flagrelease.adapters.mirrors.remote import Remote
from flagrelease.adapters.mirrors.sessions import prepare
from flagrelease.adapters.mirrors.whole import Pointer
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader, Retry
from flagrelease.adapters.supply.web import Web, shown
from flagrelease.errors import SourceError
from flagrelease.ports import Progress

_MEDIA: Final = "application/vnd.git-lfs+json"
_AT_ONCE: Final = 100
_LONGEST_ANSWER: Final = 4 << 20
_NOT_SENT: Final = frozenset(
    {"host", "range", "if-range", "content-length", "transfer-encoding", "connection", "cookie"}
)
_CONNECT_S: Final = 15.0


class _Answered(BaseModel):
    """A part of a server's answer: what is not known in it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Action(_Answered):
    href: Annotated[str, Field(max_length=8192)]
    header: dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=8192)]] = {}


class _Actions(_Answered):
    download: _Action | None = None


class _Error(_Answered):
    code: int = 0
    message: Annotated[str, Field(max_length=8192)] = ""


class _Object(_Answered):
    oid: str
    actions: _Actions | None = None
    error: _Error | None = None


class _Batch(_Answered):
    transfer: str = "basic"
    objects: tuple[_Object, ...]


class _NoAnswerError(Exception):
    """Why an address gave none of what was asked for."""


@dataclass(frozen=True, kw_only=True)
class LfsObjects:
    """The LFS objects of one repository. `name` is what people call it; `say` takes lines for them."""

    store: FileStore
    name: str
    remote: Remote
    say: Callable[[str], None]
    retry: Retry | None = None

    def bring(self, pointers: Sequence[Pointer], addresses: Sequence[Address], progress: Progress) -> None:
        """Have the content of all pointers in the store; asks nobody where it is. Raises SourceError or ToolError."""
        wanted = self._missing(pointers)
        failures: list[str] = []
        for address in addresses if wanted else ():
            try:
                self._from(address, wanted, progress)
            except (_NoAnswerError, SourceError) as error:
                failures.append(f"  {address.shown}: {_line(error)}")
            wanted = self._missing(wanted)
            if not wanted:
                return
        if wanted:
            what = f"{wanted[0].digest} ({wanted[0].size} bytes) of {wanted[0].path}"
            lines = [f"{self.name}: nobody gave {len(wanted)} LFS objects, the first of them {what}", *failures]
            hint = "add a mirror that has them to `mirrors`"
            raise SourceError("\n".join(lines), hint=hint)

    def _missing(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        return [one for one in {one.sha256: one for one in pointers}.values() if not self.store.has(one.digest)]

    def _from(self, address: Address, wanted: Sequence[Pointer], progress: Progress) -> None:
        if address.protocol == "file":
            self._from_folder(Path(unquote(urlsplit(address.url).path)), wanted)
            return
        if address.protocol == "ssh":
            raise _NoAnswerError("LFS objects are asked for by https, and this address is ssh")
        web = Web(timeout_s=(_CONNECT_S, float(self.remote.stall_s)))
        try:
            prepare(web.session(), self.remote, address.url)
            for begin in range(0, len(wanted), _AT_ONCE):
                some = wanted[begin : begin + _AT_ONCE]
                self._fetch(web, some, self._asked(web, address, some), address, progress)
        finally:
            web.close()

    def _from_folder(self, repository: Path, wanted: Iterable[Pointer]) -> None:
        for one in wanted:
            file = repository / "lfs" / "objects" / one.sha256[:2] / one.sha256[2:4] / one.sha256
            if not file.is_file() or file.stat().st_size != one.size:
                raise _NoAnswerError(f"it has no LFS object {one.digest} of {one.size} bytes")
            self.store.add_file(file, expect=one.digest)

    def _asked(self, web: Web, address: Address, wanted: Sequence[Pointer]) -> Mapping[str, _Object]:
        question = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": one.sha256, "size": one.size} for one in wanted],
            "hash_algo": "sha256",
        }
        try:
            with web.session().post(
                f"{address.url}/info/lfs/objects/batch",
                data=json.dumps(question),
                headers={"Accept": _MEDIA, "Content-Type": _MEDIA},
                timeout=(_CONNECT_S, float(self.remote.stall_s)),
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise _NoAnswerError(f"its LFS server answered {answer.status_code}")
                body = answer.raw.read(_LONGEST_ANSWER + 1, decode_content=True)
        except requests.RequestException as error:
            raise _NoAnswerError(f"its LFS server does not answer ({type(error).__name__})") from error
        if len(body) > _LONGEST_ANSWER:
            raise _NoAnswerError(f"its LFS server answered with more than {_LONGEST_ANSWER} bytes")
        try:
            batch = _Batch.model_validate_json(body)
        except ValidationError as error:
            raise _NoAnswerError("its LFS server answered with something that is no batch") from error
        if batch.transfer != "basic":
            raise _NoAnswerError("its LFS server wants another way of sending than `basic`")
        return {one.oid: one for one in batch.objects}

    def _fetch(
        self, web: Web, wanted: Sequence[Pointer], found: Mapping[str, _Object], address: Address, progress: Progress
    ) -> None:
        downloader = Downloader(self.store, web, retry=self.retry)
        for one in wanted:
            said = found.get(one.sha256)
            if said is None or said.error or said.actions is None or said.actions.download is None:
                why = f" ({said.error.code})" if said and said.error else ""
                raise _NoAnswerError(f"it has no LFS object {one.digest}{why}")
            action = said.actions.download
            allowed = {"https", "http"} if address.protocol == "http" else {"https"}
            if urlsplit(action.href).scheme not in allowed:
                raise _NoAnswerError(
                    f"it sends us to {shown(action.href)[:200]!a}, which is not {' or '.join(sorted(allowed))}"
                )
            wanted_file = Wanted(
                name=f"{self.name} {one.path}",
                sha256=one.sha256,
                size=one.size,
                headers={name: value for name, value in action.header.items() if name.lower() not in _NOT_SENT},
            )
            prepare(web.session(), self.remote, action.href)
            downloader.fetch(wanted_file, [action.href], progress)


def _line(error: Exception) -> str:
    message = error.message if isinstance(error, SourceError) else str(error)
    return "; ".join(line.strip() for line in message.splitlines())
