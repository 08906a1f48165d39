"""Hugging Face repositories: what files are and where they lie. Bytes come through our own downloader.

The hub's client is asked for metadata only: it takes a file of the right size for the right file, and sends all again
after it was killed.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import huggingface_hub
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # the web client's, by whichever name
from huggingface_hub.hf_api import RepoFile
from pydantic import TypeAdapter, ValidationError

from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader
from flagrelease.domain.source import Commit, FromHuggingFace, HuggingFaceSource, LockedFile
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError
from flagrelease.ports import Progress


class HuggingFaceHub:
    """Files of a hub.

    Args:
        downloader: Fetches files.
        endpoint: The hub's address; none means HF_ENDPOINT, else the client's default.
        token: An access token; none means the one of HF_TOKEN or of the client's login. It is sent to the hub only.
    """

    def __init__(self, downloader: Downloader, *, endpoint: str | None = None, token: str | None = None) -> None:
        self._downloader = downloader
        self._api = huggingface_hub.HfApi(endpoint=endpoint, token=token or huggingface_hub.get_token() or False)

    def resolve(self, source: HuggingFaceSource) -> tuple[LockedFile, ...]:
        """Every file of a source with size and hash, in the recipe's order; sorted where the recipe names none.

        The hub states the hash of large files; small ones are fetched into the store to learn it.

        Raises:
            LockError: The hub has no such repository, commit or file, or refuses it.
        """
        try:
            revision = source.revision or TypeAdapter(Commit).validate_python(self._api.model_info(source.repo).sha)
            files = self._files(source, revision)
        except HTTPError as error:
            at = source.revision or "its main branch"
            raise LockError(
                f"{source.repo} at {at}: the hub {self._host()} does not list it ({type(error).__name__})",
                hint="check repo and revision, the network, and HF_TOKEN if the repository is gated",
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise LockError(f"{source.repo}: the hub {self._host()} sent an odd list of files: {error!r}") from error
        wanted = source.files or tuple(sorted(files))
        if missing := [path for path in wanted if path not in files]:
            raise LockError(
                f"{source.repo} at {revision} has no {', '.join(missing)}", hint="check `files` in the recipe"
            )
        return tuple(self._lock(source.repo, revision, files[path]) for path in wanted)

    def _files(self, source: HuggingFaceSource, revision: Commit) -> dict[str, RepoFile]:
        if source.files:
            found = self._api.get_paths_info(source.repo, list(source.files), revision=revision)
            return {f.path: f for f in found if isinstance(f, RepoFile)}
        tree = self._api.list_repo_tree(source.repo, revision=revision, recursive=True)
        return {f.path: f for f in tree if isinstance(f, RepoFile)}

    def url(self, origin: FromHuggingFace) -> str:
        """Where the hub has a file."""
        return huggingface_hub.hf_hub_url(
            origin.repo, origin.path, revision=origin.revision, endpoint=self._api.endpoint
        )

    def fetch(self, file: LockedFile, origin: FromHuggingFace, progress: Progress) -> Digest:
        """Fetch one file by the lock's hash. Raises SourceError when the hub does not have these bytes."""
        return self._download(origin, sha256=file.sha256, size=file.size, progress=progress)

    def _lock(self, repo: str, revision: Commit, file: RepoFile) -> LockedFile:
        origin = FromHuggingFace(kind="huggingface", repo=repo, revision=revision, path=file.path)
        if file.lfs is not None:
            try:
                return LockedFile(path=file.path, size=file.lfs.size, sha256=file.lfs.sha256, origin=origin)
            except ValidationError as error:
                raise LockError(f"{repo}: the hub describes {file.path} with odd values: {error}") from error
        digest = self._download(origin, sha256=None, size=file.size, progress=lambda _done, _total: None)
        return LockedFile(path=file.path, size=file.size, sha256=digest.removeprefix("sha256:"), origin=origin)

    def _download(self, origin: FromHuggingFace, *, sha256: str | None, size: int, progress: Progress) -> Digest:
        wanted = Wanted(
            name=f"{origin.path} of {origin.repo} at {origin.revision[:12]}",
            sha256=sha256,
            size=size,
            headers=dict(self._authorization()),
            hint="check the network, HF_ENDPOINT, and HF_TOKEN if the repository is gated",
        )
        return self._downloader.fetch(wanted, [self.url(origin)], progress)

    def _authorization(self) -> Iterator[tuple[str, str]]:
        if isinstance(self._api.token, str):
            yield "Authorization", f"Bearer {self._api.token}"

    def _host(self) -> str:
        return urlsplit(self._api.endpoint).netloc.rpartition("@")[2]
