"""Weights files out of the layer that has them: in an export they lie once."""

import os
from collections.abc import Mapping

from flagrelease.adapters.exports.naming import in_weights_layer
from flagrelease.adapters.storage.disk import CHUNK
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import BuildError, SourceError
from flagrelease.oci.archive import Packed, read_members


def weights_of_layer(store: FileStore, image: Image) -> None:
    """Put the image's weights files into the store, each by its digest, from the layer `weights`, which is there.

    Raises:
        SourceError: the layer lacks one, has another content under its name, or is no archive that can be read.
    """
    wanted = {file.path.lstrip("/"): file for file in image.weights if file.content in in_weights_layer(image)}
    missing = {path for path, file in wanted.items() if not store.has(file.content)}
    for layer in image.layers:
        if layer.name == "weights" and missing:
            missing -= _kept_of(store, layer.digest, {path: wanted[path].content for path in missing})
    if missing:
        first = min(missing)
        raise SourceError(
            f"the layer of the weights has no {first} with the content {wanted[first].content}",
            hint="export the image again where it was built",
        )


def _kept_of(store: FileStore, layer: Digest, wanted: Mapping[str, Digest]) -> set[str]:
    """Keep what is wanted of a layer; the paths that had the content they should have."""
    kept: set[str] = set()
    fd = os.open(store.path(layer), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for packed in read_members(fd, f"the layer {layer}"):
            digest = wanted.get(packed.member.path)
            if digest and packed.member.kind == "file" and _kept(store, fd, packed, digest):
                kept.add(packed.member.path)
    except BuildError as error:
        raise SourceError(error.message, hint="export the image again where it was built") from error
    finally:
        os.close(fd)
    return kept


def _kept(store: FileStore, fd: int, packed: Packed, digest: Digest) -> bool:
    at, end = packed.offset, packed.offset + packed.member.size
    with store.writer() as blob:
        while data := os.pread(fd, min(CHUNK, end - at), at):
            blob.write(data)
            at += len(data)
        return blob.digest == digest and blob.commit() == digest
