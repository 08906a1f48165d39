"""An image before and after it is built, in the terms of the OCI image specification."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.chip import Architecture
from flagrelease.domain.source import LockedDeb, LockedWheel
from flagrelease.domain.value import AbsolutePath, Digest, Value


class RenderedFile(Value):
    """One file of the image: `content` is in the store."""

    path: AbsolutePath
    mode: Annotated[int, Field(ge=0, le=0o777)]
    content: Digest


class WeightFile(Value):
    """One weights file and its place in the image; size in bytes."""

    path: AbsolutePath
    content: Digest
    size: Annotated[int, Field(ge=0)]


class PlacedSource(Value):
    """A component's files, a tar without compression of `size` bytes, and the folder they lie in."""

    path: AbsolutePath
    archive: Digest
    size: Annotated[int, Field(ge=0)]


class BuildContext(Value):
    """Everything the image is made of, as data. Two equal contexts give the same manifest digest."""

    architecture: Architecture
    base: tuple[LockedDeb, ...]
    wheels: tuple[LockedWheel, ...]
    site_packages: AbsolutePath
    sources: tuple[PlacedSource, ...] = ()
    files: tuple[RenderedFile, ...]
    weights: tuple[WeightFile, ...]
    env: dict[str, str]
    entrypoint: tuple[str, ...]
    exposed_port: int
    labels: dict[str, str]

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        contents = (*(f.content for f in self.files), *(w.content for w in self.weights))
        return (*(source.archive for source in self.sources), *contents)


class Layer(Value):
    """One layer; `built` are those that an image engine made.

    Layers are not compressed, so `digest` (of the blob) and `diff_id` (of the tar) are equal.
    """

    name: Literal["base", "wheels", "sources", "files", "weights", "built"]
    digest: Digest
    size: Annotated[int, Field(ge=0)]


class Image(Value):
    """A built image. Its blobs are in the store; `digest` is that of the manifest.

    `weights` are the files of the layer `weights`, by their own content: whoever runs the image on this machine can
    show them at their places instead of unpacking a copy of each.
    """

    digest: Digest
    manifest_size: int
    config: Digest
    layers: tuple[Layer, ...]
    architecture: Architecture
    weights: tuple[WeightFile, ...] = ()

    def blobs(self) -> tuple[Digest, ...]:
        """What a registry or a layout has to hold for this image: the manifest first, the configuration, the layers."""
        return (self.digest, self.config, *(layer.digest for layer in self.layers))

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return (*self.blobs(), *(file.content for file in self.weights))

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.layers)
