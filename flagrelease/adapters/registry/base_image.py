"""Base images: which digest a registry has under a tag, for one architecture."""

import hashlib
import json
from typing import Any

from flagrelease.adapters.registry.session import MISSING, OK, Patience, RegistrySession
from flagrelease.domain.chip import Architecture, ImageBase
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError, PublishError
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE
from flagrelease.oci.reference import Repository, parse_repository

_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_ACCEPT = f"{INDEX_TYPE}, {MANIFEST_TYPE}, {_DOCKER_INDEX}, application/vnd.docker.distribution.manifest.v2+json"
_HUB = "registry-1.docker.io"
_PATIENCE = Patience(attempts=2, connect_s=5.0, answer_s=30.0)


def image_digest(base: ImageBase, architecture: Architecture, *, patience: Patience = _PATIENCE) -> Digest:
    """The digest of the image's manifest for this architecture, by its content: headers are not believed.

    Raises:
        LockError: the registry cannot be reached, or has no such image.
    """
    if base.tag is None:
        raise LockError(f"the base image {base.image} has neither a tag nor a digest", hint="write one of them")
    repository = repository_of(base.image)
    name = f"{base.image}:{base.tag}"
    try:
        with RegistrySession(repository, credentials=lambda: None, patience=patience, download_hosts=()) as session:
            body = _manifest(session, base.tag, name)
            chosen = _chosen(json.loads(body), architecture, name)
            if chosen is None:
                return f"sha256:{hashlib.sha256(body).hexdigest()}"
            body = _manifest(session, chosen, name)
    except (PublishError, ValueError) as error:
        raise LockError(f"{name}: the registry {repository.host} does not say its digest: {error}") from error
    found = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if found != chosen:
        raise LockError(f"{name}: the registry gives {found} for {chosen}")
    return found


def repository_of(image: str) -> Repository:
    """Docker's own short names stand for its hub: `ubuntu` is `library/ubuntu` there."""
    host, slash, _ = image.partition("/")
    if slash and host != "docker.io" and ("." in host or ":" in host or host == "localhost"):
        return parse_repository(image)
    path = image.removeprefix("docker.io/")
    return Repository(host=_HUB, path=path if "/" in path else f"library/{path}")


def _manifest(session: RegistrySession, name: str, image: str) -> bytes:
    def ask() -> bytes:
        answer = session.ask("GET", session.url(f"manifests/{name}"), want=(OK, MISSING), headers={"Accept": _ACCEPT})
        if answer.status == MISSING:
            raise LockError(f"{image} is not in its registry", hint="check image and tag in the recipe")
        return answer.body

    return session.retried(ask)


def _chosen(manifest: Any, architecture: Architecture, name: str) -> Digest | None:
    """Of an index, the manifest for the architecture; None when this is a manifest already."""
    entries = manifest.get("manifests") if isinstance(manifest, dict) else None
    if not isinstance(entries, list):
        return None
    for entry in entries:
        platform = entry.get("platform", {}) if isinstance(entry, dict) else {}
        if platform.get("architecture") == architecture and platform.get("os") == "linux":
            return str(entry.get("digest"))
    raise LockError(f"{name} has no image for linux/{architecture}", hint="check the chip's architectures")
