"""An image layout of one small layer whose label says whatever a test wants."""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flagrelease.domain.image import Layer
from flagrelease.domain.run_spec import RUN_LABEL, RunSpec
from flagrelease.formats.run_label import run_label
from flagrelease.oci.manifest import MANIFEST_TYPE, config_bytes, manifest_bytes


@dataclass(frozen=True)
class SmallImage:
    """The layout, and the digests of what is in it."""

    folder: Path
    digest: str
    layer: str

    @property
    def name(self) -> str:
        return f"oci:{self.folder}@{self.digest}"

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def small_image(folder: Path, label: RunSpec | str | None, *, architecture: str = "amd64") -> SmallImage:
    """Write the layout."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return f"sha256:{digest}"

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a-file"))
    layer = put(stream.getvalue())
    layers = (Layer(name="files", digest=layer, size=len(stream.getvalue())),)
    labels: dict[str, Any] = {"org.opencontainers.image.version": "r1"}
    if label is not None:
        labels[RUN_LABEL] = run_label(label) if isinstance(label, RunSpec) else label
    config = config_bytes(
        architecture=architecture, env={}, entrypoint=("/serve",), exposed_port=8000, labels=labels, layers=layers
    )
    manifest = manifest_bytes(config=put(config), config_size=len(config), layers=layers, annotations={})
    digest = put(manifest)
    entry = {
        "mediaType": MANIFEST_TYPE,
        "digest": digest,
        "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": "r1"},
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return SmallImage(folder=folder, digest=digest, layer=layer)
