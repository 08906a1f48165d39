"""Whether a registry still holds an image by its digest, and for which architecture it is: asked before a pull."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from flagrelease.adapters.registry.auth import docker_credentials
from flagrelease.adapters.registry.base_image import repository_of
from flagrelease.adapters.registry.session import MISSING, OK, Patience, RegistrySession
from flagrelease.domain.chip import Architecture
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError, SourceError
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE
from flagrelease.oci.untrusted import json_object

_ACCEPT = (
    f"{INDEX_TYPE}, {MANIFEST_TYPE}, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_PATIENCE = Patience(attempts=3, connect_s=10.0, answer_s=60.0)


class _AnyHost:
    """Registries keep blobs on hosts of others. They get no credentials, and what comes is compared by its digest."""

    def __contains__(self, host: object) -> bool:
        return True


def require_held(
    name: str, digest: Digest, architecture: Architecture, *, docker_config: Path, patience: Patience = _PATIENCE
) -> None:
    """Ask for manifest and configuration of `name@digest`, each compared by content.

    Raises:
        SourceError: the registry has it no longer, says something else, cannot be reached, or the image is for
            another architecture.
    """
    image = f"{name}@{digest}"
    try:
        repository = repository_of(name)
        with RegistrySession(
            repository,
            credentials=lambda: docker_credentials(repository.host, docker_config),
            patience=patience,
            download_hosts=_AnyHost(),
        ) as session:

            def fetch(kind: str, wanted: Digest) -> dict[str, object]:
                body = session.retried(_asking(session, f"{kind}/{wanted}", image))
                if f"sha256:{hashlib.sha256(body).hexdigest()}" != wanted:
                    raise SourceError(f"{image}: {repository.host} gives other content for {wanted}", hint=_HINT)
                return json_object(body, f"{kind}/{wanted} of {image}")

            manifest = fetch("manifests", digest)
            if isinstance(manifest.get("manifests"), list):
                manifest = fetch("manifests", _of_index(manifest["manifests"], architecture, image))
            config = fetch("blobs", _digest(manifest.get("config"), image))
    except PublishError as error:
        raise SourceError(f"{image} cannot be looked at: {error.message}", hint=error.hint or _HINT) from error
    found = f"{config.get('os')}/{config.get('architecture')}"
    if found != f"linux/{architecture}":
        raise SourceError(
            f"{image} is for {found[:100]}, and linux/{architecture} is wanted; nothing was pulled",
            hint="name the image of that architecture in the chip's recipe, then `flagrelease lock`",
        )


_HINT = "ask the vendor which digest takes its place, then `flagrelease lock`; or supply its archive (`docker save`)"


def _asking(session: RegistrySession, path: str, image: str) -> Callable[[], bytes]:
    def ask() -> bytes:
        answer = session.ask("GET", session.url(path), want=(OK, MISSING), headers={"Accept": f"{_ACCEPT}, */*"})
        if answer.status == MISSING:
            raise SourceError(
                f"{image} is in its registry no longer ({path} is missing); nothing was pulled", hint=_HINT
            )
        return answer.body

    return ask


def _of_index(entries: object, architecture: Architecture, image: str) -> Digest:
    found = []
    for entry in entries if isinstance(entries, list) else ():
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(platform, dict) and platform.get("os") == "linux":
            found.append(str(platform.get("architecture"))[:40])
            if platform.get("architecture") == architecture:
                return _digest(entry, image)
    raise SourceError(
        f"{image} has no image for linux/{architecture}, only for {', '.join(found) or 'none'}; nothing was pulled",
        hint="check the chip's architectures",
    )


def _digest(descriptor: object, image: str) -> Digest:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    value = digest.removeprefix("sha256:") if isinstance(digest, str) else ""
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise SourceError(f"{image}: its manifest names no configuration by SHA-256", hint=_HINT)
    return f"sha256:{value}"
