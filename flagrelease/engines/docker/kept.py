"""An engine's image taken into the store: plain layers, and a configuration that says only what the image is."""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import RawIOBase
from typing import IO, Any

from flagrelease.domain.chip import Architecture
from flagrelease.domain.image import Image, Layer, WeightFile
from flagrelease.domain.value import Digest
from flagrelease.engines.docker.archive import MAX_MEMBERS, config_and_layers
from flagrelease.errors import BuildError, PublishError
from flagrelease.oci.manifest import EPOCH, ImageConfig, canonical, manifest_bytes, parse_config
from flagrelease.oci.untrusted import json_object
from flagrelease.ports import Progress, Store

_IN_MEMORY = 1 << 20
_MOST_IN_MEMORY = 1 << 28
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_TAKEN = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")
"""Of a container's configuration, what the OCI image specification knows (config.md)."""


@dataclass
class _Spooled:
    """The members of an archive as they came by: small ones whole, all that may be layers by their digest."""

    small: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, tuple[Digest, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


def take_in(
    chunks: Iterator[bytes], store: Store, progress: Progress, size: int
) -> tuple[ImageConfig, Any, list[Layer]]:
    """Read a `docker save` archive as it comes and keep its layers; the configuration, parsed and as it stands.

    `size` is the image's, in bytes, and only for the progress. Layers are kept without compression, and each has to
    be what the configuration says.

    Raises:
        BuildError: the engine gave something else.
    """
    try:
        spooled = _spool(chunks, store, progress, size)
        listed = json_object(b'{"list":' + spooled.small.get("manifest.json", b"null") + b"}", "its manifest.json")
        config_name, names = config_and_layers(listed["list"])
        content = spooled.small.get(config_name, b"")
        config, raw = parse_config(content), json_object(content, "its configuration")
    except (tarfile.TarError, EOFError, zlib.error, PublishError, UnicodeError) as error:
        raise BuildError(f"the engine gave no archive of the image that can be read: {error}") from error
    if len(names) != len(config.rootfs.diff_ids):
        raise BuildError(f"the engine gave {len(names)} layers of the image's {len(config.rootfs.diff_ids)}")
    layers = [_layer(spooled, store, name, wanted) for name, wanted in zip(names, config.rootfs.diff_ids, strict=True)]
    progress(size, size)
    return config, raw, layers


def describe(
    config: ImageConfig, raw: Any, layers: list[Layer], store: Store, weights: tuple[WeightFile, ...] = ()
) -> Image:
    """The image of these layers: what it is and how it is started, but not when it was made and on what.

    So two builds that end with the same files and the same settings have one digest.
    """
    told = raw.get("config") or {}
    execution = {key: told[key] for key in _TAKEN if told.get(key)}
    document = {
        "architecture": config.architecture,
        "config": {**execution, "WorkingDir": execution.get("WorkingDir") or "/"},
        "created": EPOCH,
        "history": [{"created": EPOCH, "created_by": f"flagrelease: {layer.name}"} for layer in layers],
        "os": "linux",
        "rootfs": {"diff_ids": [layer.digest for layer in layers], "type": "layers"},
    }
    if isinstance(raw.get("variant"), str):
        document["variant"] = raw["variant"]
    content = canonical(document)
    parse_config(content)
    digest = store.add_bytes(content)
    manifest = manifest_bytes(
        config=digest, config_size=len(content), layers=layers, annotations=dict(config.config.labels)
    )
    architecture: Architecture = config.architecture
    return Image(
        digest=store.add_bytes(manifest),
        manifest_size=len(manifest),
        config=digest,
        layers=tuple(layers),
        architecture=architecture,
        weights=weights,
    )


def image_id(config: bytes) -> Digest:
    """What an engine calls the image of this configuration."""
    return f"sha256:{hashlib.sha256(config).hexdigest()}"


def _layer(spooled: _Spooled, store: Store, name: str, wanted: Digest) -> Layer:
    name = spooled.links.get(name, name)
    if name in spooled.small:
        content = spooled.small[name]
        if content.startswith(_GZIP):
            content = zlib.decompress(content, wbits=31)
        digest, size = store.add_bytes(content), len(content)
    elif name in spooled.blobs:
        digest, size = spooled.blobs[name]
    else:
        raise BuildError(f"the engine's archive lists the layer {name[:200]!r} and does not have it")
    if digest != wanted:
        raise BuildError(f"the engine gave {digest} for the layer {wanted}: what it has is damaged")
    return Layer(name="built", digest=digest, size=size)


def _spool(chunks: Iterator[bytes], store: Store, progress: Progress, size: int) -> _Spooled:
    found, room = _Spooled(), _MOST_IN_MEMORY
    stream = _Chunks(chunks, progress, size)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_MEMBERS:
                raise BuildError(f"the engine's archive has more than {MAX_MEMBERS} members")
            if member.issym():
                # A layer that is there already, `../ID/layer.tar`.
                found.links[member.name] = member.linkname.removeprefix("../")
            if not member.isreg():
                continue
            content = archive.extractfile(member)
            assert content is not None
            if member.size <= _IN_MEMORY:
                room -= member.size
                if room < 0:
                    raise BuildError(f"the engine's archive has more than {_MOST_IN_MEMORY} bytes of small members")
                found.small[member.name] = content.read()
            else:
                found.blobs[member.name] = _keep(content, store)
    return found


def _keep(content: IO[bytes], store: Store) -> tuple[Digest, int]:
    with store.writer() as writer:
        for chunk in _plain(content):
            writer.write(chunk)
        size = writer.tell()
        return writer.commit(), size


def _plain(content: IO[bytes]) -> Iterator[bytes]:
    """The bytes, decompressed where they are gzip's: with the containerd store, engines keep layers as they came."""
    first = content.read(_CHUNK)
    unpacker = zlib.decompressobj(wbits=31) if first.startswith(_GZIP) else None
    chunk = first
    while chunk:
        yield unpacker.decompress(chunk) if unpacker else chunk
        chunk = content.read(_CHUNK)
    if unpacker:
        yield unpacker.flush()
        if not unpacker.eof:
            raise EOFError("a compressed layer is cut")


class _Chunks(RawIOBase):
    """Chunks as a file that can only be read on."""

    def __init__(self, chunks: Iterator[bytes], progress: Progress, size: int) -> None:
        super().__init__()
        self._chunks, self._left = chunks, b""
        self._progress, self._size, self._read = progress, size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; fewer only at the end."""
        parts, wanted = [], size if size >= 0 else 1 << 62
        while wanted:
            if not self._left:
                self._left = next(self._chunks, b"")
                if not self._left:
                    break
            parts.append(self._left[:wanted])
            self._left = self._left[wanted:]
            wanted -= len(parts[-1])
        taken = b"".join(parts)
        self._read += len(taken)
        self._progress(min(self._read, self._size), self._size)
        return taken
