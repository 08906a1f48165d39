"""A registry as a target: blobs, then the manifest by its digest, all of it pulled back and compared, then the tag.

The OCI distribution specification 1.1 has no compare-and-set: two machines that publish different images under one tag
in the same instant cannot be told apart. On one machine publishers take turns; the tag is read again after it was
written.
"""

import hashlib
from functools import partial
from pathlib import Path

from flagrelease.adapters.registry.answer import stream
from flagrelease.adapters.registry.auth import Credentials, docker_credentials
from flagrelease.adapters.registry.body import Body, BytesBody, FileBody
from flagrelease.adapters.registry.session import (
    ACCEPTED,
    CREATED,
    MISSING,
    OK,
    Answer,
    Patience,
    RegistrySession,
    TransientError,
)
from flagrelease.domain.image import Image
from flagrelease.domain.release import Published
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE, parse_manifest
from flagrelease.oci.reference import check_tag, parse_repository
from flagrelease.ports import Progress, Store

_ACCEPT = (
    f"{MANIFEST_TYPE}, {INDEX_TYPE}"
    ", application/vnd.docker.distribution.manifest.v2+json"
    ", application/vnd.docker.distribution.manifest.list.v2+json"
)
_EMPTY = f"sha256:{hashlib.sha256(b'').hexdigest()}"


class RegistryTarget:
    """`ports.Target` over the OCI distribution API. Plain HTTP is spoken with this machine only.

    Args:
        reference: `HOST:PORT/REPO` or `HOST/REPO`.
        store: Where the image's blobs are.
        docker_config: Docker's `config.json`; its `auths` are read when the registry asks who we are.
        patience: How often and how long the registry is asked.
        download_hosts: Hosts that downloads may be redirected to besides the registry.

    Raises:
        PublishError: the reference is not one.
    """

    def __init__(
        self,
        reference: str,
        store: Store,
        *,
        docker_config: Path | None = None,
        patience: Patience | None = None,
        download_hosts: tuple[str, ...] = (),
    ) -> None:
        self._repository = parse_repository(reference)
        self._store = store
        self._docker_config = docker_config
        self._patience = patience or Patience()
        self._download_hosts = download_hosts
        self.name = str(self._repository)

    def check(self) -> None:
        """Ask the registry whether it speaks the API and lets us see the repository. Writes nothing.

        Raises:
            PublishError: it does not, or cannot be reached.
        """
        with self._session() as session:
            session.retried(lambda: session.ask("GET", session.url(""), want=(OK,)))
            blob = session.url(f"blobs/{_EMPTY}")
            session.retried(lambda: session.ask("HEAD", blob, want=(OK, MISSING)))

    def publish(self, image: Image, tag: str, progress: Progress) -> Published:
        """Send what is not there, pull all of it back, and only then name it `tag`.

        Raises:
            PublishError: the tag is another image's, or the registry did not take this one or gave something else back.
            SourceError: the image is not in the store.
        """
        check_tag(tag)
        with self._store.lock(f"publish {self.name}:{tag}"), self._session() as session:
            sent = _Push(session, self._store, image, progress).under(tag)
        reference = f"{self.name}@{image.digest}"
        return Published(target=self.name, reference=reference, tag=tag, digest=image.digest, bytes_sent=sent)

    def _session(self) -> RegistrySession:
        return RegistrySession(
            self._repository,
            credentials=self._credentials,
            patience=self._patience,
            download_hosts=self._download_hosts,
        )

    def _credentials(self) -> Credentials | None:
        if self._docker_config is None:
            return None
        return docker_credentials(self._repository.host, self._docker_config)


class _Push:
    """One image on its way into one repository. Counts every byte of content that leaves, repeats included."""

    def __init__(self, session: RegistrySession, store: Store, image: Image, progress: Progress) -> None:
        self._session = session
        self._image = image
        self._progress = progress
        self._paths = {digest: store.path(digest) for digest in image.blobs()}
        self._manifest = self._paths[image.digest].read_bytes()
        self._config = self._paths[image.config].read_bytes()
        described = parse_manifest(self._manifest)
        named = (described.config.digest, *(layer.digest for layer in described.layers))
        if named != image.blobs()[1:]:
            raise PublishError(f"the manifest {image.digest} names other blobs than the image does")
        self._sizes = {blob.digest: blob.size for blob in described.blobs()}
        # Each byte is sent once and read back once.
        self._total = 2 * sum(self._sizes.values())
        self._done = 0
        self._shown = 0
        self._sent = 0

    def under(self, tag: str) -> int:
        """Publish under `tag`; the number of bytes sent."""
        tagged = self._tagged(tag)
        self._refuse_other(tag, tagged)
        for digest in self._sizes:
            self._session.retried(partial(self._upload, digest))
            self._finish(self._sizes[digest])
        if tagged and not self._sent:
            self._finish(self._total - self._done)
            return 0
        self._put_manifest(self._image.digest)
        self._pull_back()
        if tagged:
            return self._sent
        self._refuse_other(tag, self._tagged(tag))
        self._put_manifest(tag)
        if (found := self._tagged(tag)) != self._image.digest:
            raise PublishError(
                f"{self._where(tag)} is {found or 'missing'} right after it was set to {self._image.digest}",
                hint="somebody else publishes under this tag: publish under a new revision",
            )
        return self._sent

    # Sending ---------------------------------------------------------------------------------------

    def _has(self, digest: Digest) -> bool:
        session = self._session
        answer = session.ask("HEAD", session.url(f"blobs/{digest}"), want=(OK, MISSING))
        if answer.status == MISSING:
            return False
        if answer.length != str(self._sizes[digest]):
            found = answer.length[:20] or "no"
            raise PublishError(
                f"{session.repository} says that {digest} has {found} bytes, wanted {self._sizes[digest]}",
                hint="repair the registry",
            )
        return True

    def _upload(self, digest: Digest) -> None:
        """One attempt. A connection that was cut may have been cut after the last byte: look before sending."""
        if self._has(digest):
            return
        session = self._session
        start = session.url("blobs/uploads/")
        place = session.own(start, session.ask("POST", start, want=(ACCEPTED,)).location)
        to = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        body = FileBody(self._paths[digest], lambda done: self._show(self._done + done))
        if len(body) != self._sizes[digest]:
            raise PublishError(f"{digest} has {len(body)} bytes in the store, wanted {self._sizes[digest]}")
        try:
            session.ask("PUT", to, want=(CREATED,), headers={"Content-Type": "application/octet-stream"}, body=body)
        finally:
            self._sent += body.sent

    def _put_manifest(self, name: str) -> None:
        body = BytesBody(self._manifest)
        try:
            self._retry("PUT", f"manifests/{name}", want=(CREATED,), headers={"Content-Type": MANIFEST_TYPE}, body=body)
        finally:
            self._sent += body.sent

    # Reading back ----------------------------------------------------------------------------------

    def _tagged(self, tag: str) -> Digest | None:
        """The digest of what the tag names now, by its content: headers are not believed."""
        answer = self._retry("GET", f"manifests/{tag}", want=(OK, MISSING), headers={"Accept": _ACCEPT})
        if answer.status == MISSING:
            return None
        return f"sha256:{hashlib.sha256(answer.body).hexdigest()}"

    def _refuse_other(self, tag: str, found: Digest | None) -> None:
        if found not in (None, self._image.digest):
            raise PublishError(
                f"{self._where(tag)} is {found}, wanted {self._image.digest}: a revision is never overwritten",
                hint="publish under a new revision",
            )

    def _pull_back(self) -> None:
        accept = {"Accept": MANIFEST_TYPE}
        manifest = self._retry("GET", f"manifests/{self._image.digest}", want=(OK,), headers=accept).body
        self._same(manifest, self._manifest, "manifest", self._image.digest)
        config = self._retry("GET", f"blobs/{self._image.config}", want=(OK,)).body
        self._same(config, self._config, "config", self._image.config)
        self._finish(len(config))
        for digest in self._sizes:
            if digest != self._image.config:
                self._session.retried(partial(self._read_back, digest))
                self._finish(self._sizes[digest])

    def _read_back(self, digest: Digest) -> None:
        if not self._has(digest):
            raise PublishError(f"{self._session.repository} took {digest} and does not have it", hint="publish again")
        session, size, read = self._session, self._sizes[digest], 0
        content = hashlib.sha256()
        with session.open("GET", session.url(f"blobs/{digest}"), want=(OK,)) as response:
            for piece in stream(response):
                read += len(piece)
                content.update(piece)
                if read > size:
                    raise PublishError(f"{session.repository} gives more than the {size} bytes of {digest} back")
                self._show(self._done + read)
        if read < size:
            raise TransientError(f"{digest} ended after {read} of {size} bytes")
        if (found := f"sha256:{content.hexdigest()}") != digest:
            raise PublishError(f"{session.repository} gives {found} back for {digest}", hint="repair the registry")

    def _same(self, found: bytes, wanted: bytes, what: str, digest: Digest) -> None:
        if found != wanted:
            given = hashlib.sha256(found).hexdigest()
            raise PublishError(
                f"{self._session.repository} gives another {what} back for {digest}: sha256:{given}",
                hint="repair the registry",
            )

    # Small things ----------------------------------------------------------------------------------

    def _retry(
        self,
        method: str,
        path: str,
        *,
        want: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> Answer:
        session = self._session
        return session.retried(lambda: session.ask(method, session.url(path), want=want, headers=headers, body=body))

    def _where(self, tag: str) -> str:
        return f"{self._session.repository}:{tag}"

    def _finish(self, size: int) -> None:
        self._done += size
        self._show(self._done)

    def _show(self, done: int) -> None:
        # An attempt that starts anew does not take the bar back.
        self._shown = max(self._shown, done)
        self._progress(self._shown, self._total)
