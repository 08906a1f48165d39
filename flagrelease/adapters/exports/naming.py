"""Where things lie in an export's archive, and which blobs are in it."""

from typing import Final

from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest

MARK_NAME: Final = "oci-layout"
INDEX_NAME: Final = "index.json"
_BLOBS: Final = "blobs/sha256/"


def blob_name(digest: Digest) -> str:
    """Where the archive has a blob (OCI image specification, image-layout.md)."""
    return _BLOBS + digest.removeprefix("sha256:")


def in_weights_layer(image: Image) -> frozenset[Digest]:
    """What need not be written a second time: the weights files whose layer is in the image as one plain tar."""
    has_layer = any(layer.name == "weights" for layer in image.layers)
    return frozenset(file.content for file in image.weights) if has_layer else frozenset()
