"""ModelScope repositories: what files are and where they lie. Bytes come through our own downloader.

Two calls of the hub's web interface do, so its client (121 MB, and it takes no commit) is not needed:
`/api/v1/models/<repo>/repo/files` lists files with SHA-256, `/api/v1/models/<repo>/repo` sends one.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader
from flagrelease.adapters.supply.web import Web, shown
from flagrelease.domain.source import FromModelScope, LockedFile, ModelScopeSource
from flagrelease.domain.value import Digest, Sha256
from flagrelease.errors import LockError
from flagrelease.ports import Progress

ENDPOINT = "https://www.modelscope.cn"


class _File(BaseModel):
    model_config = ConfigDict(regex_engine="python-re")

    path: str = Field(alias="Path")
    size: int = Field(alias="Size", ge=0)
    sha256: Sha256 | Literal[""] | None = Field(alias="Sha256", default=None)
    type: str = Field(alias="Type", default="blob")


class _Files(BaseModel):
    files: list[_File] = Field(alias="Files")


class _Answer(BaseModel):
    data: _Files = Field(alias="Data")


class ModelScopeHub:
    """Files of a hub.

    Args:
        web: Asks for metadata.
        downloader: Fetches files.
        environ: MODELSCOPE_ENDPOINT is the hub's address, MODELSCOPE_API_TOKEN an access token, sent to the hub only.
    """

    def __init__(self, web: Web, downloader: Downloader, *, environ: Mapping[str, str]) -> None:
        endpoint = environ.get("MODELSCOPE_ENDPOINT") or ENDPOINT
        self._endpoint = endpoint.rstrip("/") if "://" in endpoint else f"https://{endpoint.rstrip('/')}"
        token = environ.get("MODELSCOPE_API_TOKEN")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._web = web
        self._downloader = downloader

    def resolve(self, source: ModelScopeSource) -> tuple[LockedFile, ...]:
        """Every file of a source with size and hash, in the recipe's order; sorted where the recipe names none.

        Raises:
            LockError: The hub has no such repository, revision or file, or says something odd.
            SourceError: The hub does not answer.
        """
        query = urlencode({"Revision": source.revision, "Recursive": "true"})
        page = self._web.page(f"{self._base(source.repo)}/files?{query}", headers=self._headers)
        if page.status != HTTPStatus.OK:
            raise LockError(
                f"{source.repo} at {source.revision}: {shown(self._endpoint)} answered {page.status}",
                hint="check repo and revision, and MODELSCOPE_API_TOKEN if the repository is private",
            )
        try:
            listed = _Answer.model_validate(json.loads(page.body)).data.files
        except (ValueError, ValidationError) as error:
            raise LockError(f"{source.repo}: {shown(self._endpoint)} sent an odd list of files: {error}") from error
        files = {file.path: file for file in listed if file.type != "tree"}
        wanted = source.files or tuple(sorted(files))
        if missing := [path for path in wanted if path not in files]:
            raise LockError(
                f"{source.repo} at {source.revision} has no {', '.join(missing)}", hint="check `files` in the recipe"
            )
        return tuple(self._lock(source, files[path]) for path in wanted)

    def url(self, origin: FromModelScope) -> str:
        """Where the hub has a file."""
        query = urlencode({"Revision": origin.revision, "FilePath": origin.path})
        return f"{self._base(origin.repo)}?{query}"

    def fetch(self, file: LockedFile, origin: FromModelScope, progress: Progress) -> Digest:
        """Fetch one file by the lock's hash. Raises SourceError when the hub does not have these bytes."""
        return self._download(origin, sha256=file.sha256, size=file.size, progress=progress)

    def _lock(self, source: ModelScopeSource, file: _File) -> LockedFile:
        origin = FromModelScope(kind="modelscope", repo=source.repo, revision=source.revision, path=file.path)
        sha256 = file.sha256
        if not sha256:
            digest = self._download(origin, sha256=None, size=file.size, progress=lambda _done, _total: None)
            sha256 = digest.removeprefix("sha256:")
        return LockedFile(path=file.path, size=file.size, sha256=sha256, origin=origin)

    def _download(self, origin: FromModelScope, *, sha256: str | None, size: int, progress: Progress) -> Digest:
        wanted = Wanted(
            name=f"{origin.path} of {origin.repo} at {origin.revision}",
            sha256=sha256,
            size=size,
            headers=self._headers,
            hint="check the network and MODELSCOPE_ENDPOINT; a revision that moved has other files: lock it again",
        )
        return self._downloader.fetch(wanted, [self.url(origin)], progress)

    def _base(self, repo: str) -> str:
        return f"{self._endpoint}/api/v1/models/{quote(repo)}/repo"
