"""Where an image's blobs come from: a registry, or an image layout in a folder.

A blob is in the store under the digest of what came, whatever the other side says that it is.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from flagrelease.adapters.registry.answer import stream
from flagrelease.adapters.registry.auth import docker_credentials
from flagrelease.adapters.registry.session import MISSING, OK, Patience, RegistrySession, TransientError
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError, SourceError
from flagrelease.oci.image_name import ImageName
from flagrelease.oci.layout import check_layout, read_index, tag_of
from flagrelease.oci.layout_files import BLOBS, blob_path, blob_stat, read_small
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE
from flagrelease.oci.reference import Repository
from flagrelease.ports import Store

_ACCEPT = f"{MANIFEST_TYPE}, {INDEX_TYPE}"


class ImageSource(Protocol):
    """One repository or folder. Every method raises SourceError."""

    def digest_of(self, tag: str | None) -> Digest:
        """What a tag stands for now; of the only image where none is named."""

    def document(self, digest: Digest) -> bytes:
        """A manifest or index."""

    def bring(self, digest: Digest, size: int, store: Store, progress: Callable[[int], None]) -> None:
        """A blob into the store; nothing where the store has it."""


class RegistrySource:
    """A repository of a registry."""

    def __init__(self, session: RegistrySession) -> None:
        self._session = session

    def digest_of(self, tag: str | None) -> Digest:
        """By the content of what the tag stands for: headers are not believed."""
        return f"sha256:{hashlib.sha256(self._manifest(tag or 'latest')).hexdigest()}"

    def document(self, digest: Digest) -> bytes:
        """The manifest of this digest."""
        body = self._manifest(digest)
        found = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if found != digest:
            raise SourceError(f"{self._session.repository} gives {found} for {digest}", hint="repair the registry")
        return body

    def bring(self, digest: Digest, size: int, store: Store, progress: Callable[[int], None]) -> None:
        """Hashed on the way; one byte more than wanted ends it."""
        if not store.has(digest):
            self._session.retried(lambda: self._read(digest, size, store, progress))

    def _manifest(self, name: str) -> bytes:
        session, headers = self._session, {"Accept": _ACCEPT}
        url = session.url(f"manifests/{name}")
        answer = session.retried(lambda: session.ask("GET", url, want=(OK, MISSING), headers=headers))
        if answer.status == MISSING:
            raise SourceError(f"{session.repository} has no {name}", hint="ask who published it for its digest")
        return answer.body

    def _read(self, digest: Digest, size: int, store: Store, progress: Callable[[int], None]) -> None:
        session, content, read = self._session, hashlib.sha256(), 0
        with session.open("GET", session.url(f"blobs/{digest}"), want=(OK,)) as response, store.writer() as blob:
            for piece in stream(response):
                read += len(piece)
                if read > size:
                    raise SourceError(f"{session.repository} gives more than the {size} bytes of {digest}")
                content.update(piece)
                blob.write(piece)
                progress(read)
            if read < size:
                raise TransientError(f"{digest} ended after {read} of {size} bytes")
            # Before it is kept: what is not what was asked for never has a name in the store.
            if (found := f"sha256:{content.hexdigest()}") != digest:
                raise SourceError(f"{session.repository} gives {found} for {digest}", hint="repair the registry")
            blob.commit()


class LayoutSource:
    """An image layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def digest_of(self, tag: str | None) -> Digest:
        """By the layout's index."""
        check_layout(self._folder)
        found = {entry.digest for entry in read_index(self._folder) if tag is None or tag_of(entry) == tag}
        if len(found) == 1:
            return found.pop()
        wanted = f"one image under the tag {tag}" if tag else "one image"
        raise SourceError(f"wanted {wanted} in {self._folder}, found {len(found)}", hint="name it by its digest")

    def document(self, digest: Digest) -> bytes:
        """The manifest of this digest."""
        check_layout(self._folder)
        body = read_small(self._folder, (*BLOBS, digest.removeprefix("sha256:")))
        if (found := f"sha256:{hashlib.sha256(body).hexdigest()}") != digest:
            raise SourceError(f"{digest} in {self._folder} is damaged: its content is {found}", hint="publish it again")
        return body

    def bring(self, digest: Digest, size: int, store: Store, progress: Callable[[int], None]) -> None:
        """A copy that shares its blocks where the file system can."""
        if store.has(digest):
            return
        there = blob_stat(self._folder, digest)
        if there is None or there.st_size != size:
            found = "nothing" if there is None else f"{there.st_size} bytes"
            raise SourceError(f"wanted the {size} bytes of {digest} in {self._folder}, found {found}")
        store.add_file(blob_path(self._folder, digest), expect=digest)
        progress(size)


@contextmanager
def opened(name: ImageName, *, docker_config: Path, offline: bool) -> Iterator[ImageSource]:
    """The place of an image.

    Raises:
        SourceError: it is in a registry while no network may be used; and whatever goes wrong at that place.
    """
    try:
        if isinstance(name.place, Path):
            yield LayoutSource(name.place)
            return
        if offline:
            raise SourceError(f"{name} is in a registry, and no network may be used", hint="leave --offline out")
        place: Repository = name.place
        with RegistrySession(
            place, credentials=lambda: docker_credentials(place.host, docker_config), patience=Patience(attempts=3)
        ) as session:
            yield RegistrySource(session)
    except PublishError as error:
        # What registries and layouts tell is written for those who publish.
        hint = error.hint if "docker login" in error.hint else f"see that {name.place} is the right place, and well"
        raise SourceError(error.message, hint=hint) from error
