"""An image by its digest: what it says of itself first, then all of it."""

from dataclasses import dataclass

from flagrelease.adapters.images.sources import ImageSource
from flagrelease.domain.chip import Architecture
from flagrelease.domain.image import Image, Layer
from flagrelease.domain.run_spec import RUN_LABEL, RunSpec
from flagrelease.domain.value import Digest
from flagrelease.errors import BuildError, PublishError, SourceError
from flagrelease.formats.run_label import read_run_label
from flagrelease.oci.manifest import Manifest, parse_config, parse_manifest
from flagrelease.oci.untrusted import json_object
from flagrelease.ports import Events, Store

_LAYER_NAMES = ("base", "wheels", "sources", "files", "weights")


@dataclass(frozen=True, kw_only=True)
class Described:
    """An image that was asked what it is; its layers are not here yet."""

    image: Image
    manifest: Manifest
    spec: RunSpec

    def missing(self, store: Store) -> int:
        """Bytes of the layers that the store has not."""
        return sum(layer.size for layer in self.image.layers if not store.has(layer.digest))


def described(source: ImageSource, digest: Digest, store: Store, *, here: Architecture | None, name: str) -> Described:
    """Read manifest and configuration; of an index, those for this machine.

    Raises:
        SourceError: it is not there, or not what its digest says.
        BuildError: it is no image of this project, or its label makes no sense.
    """
    body = source.document(digest)
    chosen = _chosen(body, here, name)
    if chosen:
        digest, body = chosen, source.document(chosen)
    manifest = parse_manifest(body)
    source.bring(manifest.config.digest, manifest.config.size, store, lambda _done: None)
    config = parse_config(store.path(manifest.config.digest).read_bytes())
    label = config.config.labels.get(RUN_LABEL)
    if label is None:
        raise BuildError(
            f"{name} does not say how it is run: it has no label {RUN_LABEL}",
            hint="run an image that flagrelease has built, or this bundle from its recipes: --chip and --model",
        )
    spec = read_run_label(label, source=name)
    if spec.architecture != config.architecture:
        raise BuildError(f"{name} is for {config.architecture}, and its label says {spec.architecture}")
    store.add_bytes(body)
    image = Image(
        digest=digest,
        manifest_size=len(body),
        config=manifest.config.digest,
        layers=tuple(_layer(layer.name, layer.digest, layer.size) for layer in manifest.layers),
        architecture=config.architecture,
    )
    return Described(image=image, manifest=manifest, spec=spec)


def pulled(source: ImageSource, found: Described, store: Store, events: Events) -> Image:
    """All layers into the store. Raises SourceError for one that is not what its digest says."""
    total, done = found.missing(store), 0
    for layer in found.image.layers:
        if store.has(layer.digest):
            continue

        def told(read: int, before: int = done) -> None:
            events.progress(before + read, total, "bytes")

        source.bring(layer.digest, layer.size, store, told)
        done += layer.size
    return found.image


def _layer(name: str, digest: Digest, size: int) -> Layer:
    known = next((one for one in _LAYER_NAMES if one == name), "built")
    return Layer.model_validate({"name": known, "digest": digest, "size": size})


def _chosen(body: bytes, here: Architecture | None, name: str) -> Digest | None:
    """Of an index, the manifest for this machine; None where it is a manifest already."""
    try:
        entries = json_object(body, name).get("manifests")
    except PublishError as error:
        raise SourceError(error.message) from error
    if not isinstance(entries, list):
        return None
    for entry in entries[:1000]:
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if isinstance(platform, dict) and platform.get("architecture") == here:
            digest = str(entry.get("digest"))
            if len(digest) == len("sha256:") + 64 and digest.startswith("sha256:"):
                return digest
    raise SourceError(f"{name} has no image for linux/{here}", hint="run it on a machine that it is made for")
