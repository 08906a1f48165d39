"""Image configs and manifests of the OCI image specification 1.1: bytes ↔ values, pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flagrelease.domain.image import Layer
from flagrelease.domain.value import Digest
from flagrelease.errors import BuildError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
# Not compressed: the output of a compressor changes between its versions, so the same tree would have another digest
# on another machine. It also makes a layer's digest and its diff_id the same, and lets file systems share its blocks.
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
LAYER_NAME = "org.opencontainers.image.title"
"""The annotation of a layer descriptor that holds the layer's name."""

EPOCH = "1970-01-01T00:00:00Z"
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
MAX_LAYERS = 128
MAX_BLOB_BYTES = 1 << 43
MAX_PORT = 65535

BlobSize = Annotated[int, Field(ge=0, le=MAX_BLOB_BYTES)]
Annotations = dict[Annotated[str, Field(min_length=1, max_length=512)], Annotated[str, Field(max_length=16_384)]]
# A member of Env as the specification wants it: NAME=value.
Variable = Annotated[str, Field(pattern=r"^[^=\x00]+=[^\x00]*$", max_length=32_768)]


class _Document(BaseModel):
    # Unknown keys are ignored, as the specification demands of readers.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)


_Kind = TypeVar("_Kind", bound=_Document)


class Descriptor(_Document):
    """A blob by media type, digest and size in bytes (OCI image spec, descriptor.md)."""

    media_type: Annotated[str, Field(alias="mediaType", max_length=255)]
    digest: Digest
    size: BlobSize
    annotations: Annotations = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The layer's name, or an empty string when the descriptor has none."""
        return self.annotations.get(LAYER_NAME, "")


class ConfigDescriptor(Descriptor):
    """The descriptor of an image config."""

    media_type: Literal["application/vnd.oci.image.config.v1+json"] = Field(alias="mediaType")
    size: Annotated[int, Field(ge=0, le=MAX_DOCUMENT_BYTES)]


class LayerDescriptor(Descriptor):
    """The descriptor of a layer that is not compressed."""

    media_type: Literal["application/vnd.oci.image.layer.v1.tar"] = Field(alias="mediaType")


class Manifest(_Document):
    """An image manifest (OCI image spec, manifest.md)."""

    schema_version: Literal[2] = Field(alias="schemaVersion")
    media_type: Literal["application/vnd.oci.image.manifest.v1+json"] = Field(alias="mediaType")
    config: ConfigDescriptor
    layers: tuple[LayerDescriptor, ...] = Field(min_length=1, max_length=MAX_LAYERS)
    annotations: Annotations = Field(default_factory=dict)

    def blobs(self) -> tuple[Descriptor, ...]:
        """Every blob the manifest needs, each once: the layers from the lowest up, then the config."""
        return tuple({blob.digest: blob for blob in (*self.layers, self.config)}.values())


class Execution(_Document):
    """How a container of the image is started."""

    env: tuple[Variable, ...] = Field(default=(), alias="Env", max_length=1000)
    entrypoint: tuple[str, ...] = Field(default=(), alias="Entrypoint", max_length=1000)
    working_dir: str = Field(default="/", alias="WorkingDir", max_length=4096)
    exposed_ports: dict[str, dict[str, str]] = Field(default_factory=dict, alias="ExposedPorts", max_length=1000)
    labels: dict[str, str] = Field(default_factory=dict, alias="Labels", max_length=1000)

    def environment(self) -> dict[str, str]:
        """The variables as a mapping."""
        return dict(variable.split("=", 1) for variable in self.env)


class RootFs(_Document):
    """The layers of an image by the digest of their tar."""

    type: Literal["layers"]
    diff_ids: tuple[Digest, ...] = Field(min_length=1, max_length=MAX_LAYERS)


class ImageConfig(_Document):
    """An image config (OCI image spec, config.md)."""

    architecture: Literal["amd64", "arm64"]
    os: Literal["linux"]
    config: Execution = Execution()
    rootfs: RootFs


def config_bytes(
    *,
    architecture: str,
    env: Mapping[str, str],
    entrypoint: Sequence[str],
    exposed_port: int,
    labels: Mapping[str, str],
    layers: Sequence[Layer],
) -> bytes:
    """Give the image config, in canonical form: equal arguments give equal bytes on any machine.

    Args:
        architecture: as Go names it (`amd64`).
        env: variables of the server.
        entrypoint: the server's argument list.
        exposed_port: TCP port the server listens on.
        labels: facts about the image.
        layers: from the lowest up.

    Raises:
        BuildError: when the port is no TCP port or a variable cannot be written.
    """
    if not 1 <= exposed_port <= MAX_PORT:
        raise BuildError(f"wanted a TCP port from 1 to {MAX_PORT} to expose, found {exposed_port}")
    for name, value in env.items():
        if not re.fullmatch(r"[^=\x00]+", name) or "\x00" in value:
            raise BuildError(f"the environment variable {name!r} cannot be written into an image config")
    return canonical(
        {
            "architecture": architecture,
            "config": {
                "Entrypoint": list(entrypoint),
                "Env": [f"{name}={env[name]}" for name in sorted(env)],
                "ExposedPorts": {f"{exposed_port}/tcp": {}},
                "Labels": dict(labels),
                "WorkingDir": "/",
            },
            "created": EPOCH,
            "history": [{"created": EPOCH, "created_by": f"flagrelease: {layer.name}"} for layer in layers],
            "os": "linux",
            "rootfs": {"diff_ids": [layer.digest for layer in layers], "type": "layers"},
        }
    )


def manifest_bytes(
    *, config: Digest, config_size: int, layers: Sequence[Layer], annotations: Mapping[str, str]
) -> bytes:
    """Give the image manifest, in canonical form; `config_size` is in bytes, layers come from the lowest up."""
    return canonical(
        {
            "annotations": dict(annotations),
            "config": {"digest": config, "mediaType": CONFIG_TYPE, "size": config_size},
            "layers": [
                {
                    "annotations": {LAYER_NAME: layer.name},
                    "digest": layer.digest,
                    "mediaType": LAYER_TYPE,
                    "size": layer.size,
                }
                for layer in layers
            ],
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }
    )


def canonical(document: Mapping[str, Any]) -> bytes:
    """Give JSON with sorted keys, no white space, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_manifest(data: bytes) -> Manifest:
    """Read an image manifest from outside.

    Raises:
        BuildError: when it is too large, no JSON, or not an image manifest of layers that are not compressed.
    """
    return _parse(Manifest, data, "image manifest")


def parse_config(data: bytes) -> ImageConfig:
    """Read an image config from outside.

    Raises:
        BuildError: when it is too large, no JSON, or not the config of a Linux image.
    """
    return _parse(ImageConfig, data, "image config")


def _parse(kind: type[_Kind], data: bytes, what: str) -> _Kind:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise BuildError(f"the {what} is {len(data)} bytes, wanted at most {MAX_DOCUMENT_BYTES}")
    try:
        json.loads(data.decode(), object_pairs_hook=_refuse_repeated_keys)
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise BuildError(f"the {what} makes no sense at {place[:200]}: {first['msg'][:300]}") from error
    except (ValueError, RecursionError) as error:
        raise BuildError(f"the {what} is not JSON that can be read: {str(error)[:300]}") from error


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Two readers may keep another one of the two, and then check one image and run another.
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found
