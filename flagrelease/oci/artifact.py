"""An image with an artifact beside it, as the two documents of a layout that hold them together.

The artifact is a manifest of its own, with the image as its `subject` (OCI image specification 1.1, manifest.md). The
index lists the image alone: podman and skopeo take a layout of one image without being told which. It names the
artifact in an annotation of the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from flagrelease.domain.chip import Architecture
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE, Descriptor, canonical
from flagrelease.oci.untrusted import descriptors, json_object

ARTIFACT_TYPE: Final = "application/vnd.flagrelease.stages.v1"
CONFIG_TYPE: Final = "application/vnd.flagrelease.export.v1+json"
BLOB_TYPE: Final = "application/octet-stream"
BESIDE: Final = "ai.flagos.flagrelease.stages"
"""The annotation that names the artifact's manifest by digest."""

MARK: Final = canonical({"imageLayoutVersion": "1.0.0"})
_REF_NAME: Final = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A blob by digest and size in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What is kept beside an image: its configuration, and its blobs in order."""

    subject: Blob
    config: Blob
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, kw_only=True)
class Index:
    """The one image of a layout, under its tag, and the digest of the manifest beside it."""

    image: Blob
    tag: str
    architecture: Architecture
    beside: Digest


def index_bytes(index: Index) -> bytes:
    """The layout's `index.json`, in its one spelling."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [
                {
                    **_descriptor(MANIFEST_TYPE, index.image),
                    "platform": {"architecture": index.architecture, "os": "linux"},
                    "annotations": {_REF_NAME: index.tag, BESIDE: index.beside},
                }
            ],
        }
    )


def artifact_bytes(artifact: Artifact) -> bytes:
    """The artifact's manifest, in its one spelling."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": _descriptor(CONFIG_TYPE, artifact.config),
            "layers": [_descriptor(BLOB_TYPE, blob) for blob in artifact.blobs],
            "subject": _descriptor(MANIFEST_TYPE, artifact.subject),
        }
    )


def parse_index(data: bytes) -> Index:
    """Read an index from outside.

    Raises:
        PublishError: it is not the one spelling of an index of one image with an artifact beside it.
    """
    what = "index.json"
    found = descriptors(json_object(data, what).get("manifests"), what)
    if len(found) != 1:
        raise PublishError(f"{what} lists {len(found)} images, wanted one")
    named = found[0].annotations
    image, tag, beside = _blob(found[0]), named.get(_REF_NAME, ""), named.get(BESIDE, "")
    for architecture in get_args(Architecture):
        index = Index(image=image, tag=tag, architecture=architecture, beside=beside)
        if index_bytes(index) == data:
            return index
    raise PublishError(f"{what} is not as an export has it: keys that are missing, of another value, or too many")


def parse_artifact(data: bytes) -> Artifact:
    """Read the artifact's manifest from outside.

    Raises:
        PublishError: it is not the one spelling of such a manifest.
    """
    what = "the manifest of the stages"
    document = json_object(data, what)
    (config,) = descriptors([document.get("config")], what)
    (subject,) = descriptors([document.get("subject")], what)
    layers = descriptors(document.get("layers"), what)
    found = Artifact(
        subject=_blob(subject), config=_blob(config), blobs=tuple(_blob(layer) for layer in layers)
    )  # fmt: skip
    if artifact_bytes(found) != data:
        raise PublishError(f"{what} is not as an export has it: keys that are missing, of another value, or too many")
    return found


def _blob(found: Descriptor) -> Blob:
    return Blob(digest=found.digest, size=found.size)


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def closure(image: Sequence[Blob], beside: Blob, artifact: Artifact) -> dict[Digest, int]:
    """Every blob that a layout of the two holds, with its size. Raises PublishError where one has two sizes."""
    sizes: dict[Digest, int] = {}
    for blob in (*image, beside, artifact.config, artifact.subject, *artifact.blobs):
        if sizes.setdefault(blob.digest, blob.size) != blob.size:
            raise PublishError(f"{blob.digest} has two sizes, {sizes[blob.digest]} and {blob.size}")
    return sizes
