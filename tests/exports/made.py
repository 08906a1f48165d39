"""A small image in a store, exported, and archives that somebody else made of an export."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flagrelease.adapters.exports.naming import blob_name
from flagrelease.adapters.exports.writing import Written, write_export
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.exported import Exported, ExportedFile
from flagrelease.domain.image import Image, Layer, WeightFile
from flagrelease.oci.artifact import ARTIFACT_TYPE, BESIDE
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.oci.manifest import canonical, config_bytes, manifest_bytes

WEIGHTS = b"weights " * 1000
FILES = {"1-resolve/done.json": b"{}", "5-build/done.json": b'{"value": 1}', "5-build/logs/build.log": b"one\ntwo\n"}
KEPT = b"a wheel"


@dataclass(frozen=True)
class Made:
    """An image in the store of `folder`, and how it is exported."""

    folder: Path
    store: FileStore
    image: Image
    exported: Exported
    files: dict[str, Path]

    def write(self, to: Path) -> Written:
        """Export it."""
        return write_export(
            to, self.store, self.image, self.exported, files=self.files, progress=lambda _done, _total: None
        )


def a_bundle(folder: Path, *, weights: bytes = WEIGHTS) -> Made:
    """The image has one layer, of weights that the store need not have once more."""
    store = FileStore(folder / "home")
    with store.writer() as blob:
        size = write_layer(blob, [Entry(path="model/weights.gguf", kind="file", content=weights)])
        layer = Layer(name="weights", digest=blob.commit(), size=size)
    config = config_bytes(
        architecture="amd64", env={}, entrypoint=("serve",), exposed_port=8000, labels={}, layers=[layer]
    )
    manifest = manifest_bytes(config=store.add_bytes(config), config_size=len(config), layers=[layer], annotations={})
    file = WeightFile(path="/model/weights.gguf", content=digest_of(WEIGHTS), size=len(WEIGHTS))
    image = Image(
        digest=store.add_bytes(manifest),
        manifest_size=len(manifest),
        config=digest_of(config),
        layers=(layer,),
        architecture="amd64",
        weights=(file,),
    )
    files = {}
    for path, data in FILES.items():
        files[path] = folder / "bundle" / path
        files[path].parent.mkdir(parents=True, exist_ok=True)
        files[path].write_bytes(data)
    exported = Exported(
        chip="cpu",
        model="tiny",
        variant="serve",
        revision="r1",
        image=image.digest,
        lock_sha256="2" * 64,
        tool="flagrelease",
        code_sha256="4" * 64,
        engine="not docker",
        files=tuple(
            ExportedFile(path=path, sha256=digest_of(data)[7:], size=len(data)) for path, data in sorted(FILES.items())
        ),
        kept=(store.add_bytes(KEPT),),
    )
    return Made(folder, store, image, exported, files)


def digest_of(data: bytes) -> str:
    """As the store names it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def members_of(path: Path) -> dict[str, bytes]:
    """Every file of an archive."""
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


def written(members: dict[str, bytes], to: Path) -> Path:
    """The archive as anybody's tool writes it."""
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return to


Edit = Callable[[dict[str, Any]], None]


def nothing(_document: dict[str, Any]) -> None:
    """Leave it."""


def forged(
    members: dict[str, bytes], *, config: Edit = nothing, artifact: Edit = nothing, index: Edit = nothing
) -> dict[str, bytes]:
    """Documents changed by somebody who makes every digest fit again."""
    members = dict(members)
    listed = json.loads(members.pop("index.json"))
    entry = listed["manifests"][0]
    beside = json.loads(members.pop(blob_name(entry["annotations"][BESIDE])))
    inner = json.loads(members.pop(blob_name(beside["config"]["digest"])))
    assert beside["artifactType"] == ARTIFACT_TYPE
    config(inner)
    data = canonical(inner)
    beside["config"] |= {"digest": digest_of(data), "size": len(data)}
    artifact(beside)
    manifest = canonical(beside)
    entry["annotations"][BESIDE] = digest_of(manifest)
    index(listed)
    members |= {blob_name(digest_of(data)): data, blob_name(digest_of(manifest)): manifest}
    return {**members, "index.json": canonical(listed)}


def with_file(members: dict[str, bytes], path: str, content: bytes) -> dict[str, bytes]:
    """One stage's file with another content, its size and digest fitting everywhere."""
    gone: list[str] = []

    def config(document: dict[str, Any]) -> None:
        (one,) = (file for file in document["files"] if file["path"] == path)
        gone.append(f"sha256:{one['sha256']}")
        one |= {"sha256": digest_of(content)[7:], "size": len(content)}

    def artifact(document: dict[str, Any]) -> None:
        layers = [layer for layer in document["layers"] if layer["digest"] != gone[0]]
        new = {"mediaType": "application/octet-stream", "digest": digest_of(content), "size": len(content)}
        document["layers"] = sorted([*layers, new], key=lambda layer: str(layer["digest"]))

    made = forged(members, config=config, artifact=artifact)
    made.pop(blob_name(gone[0]))
    return {**made, blob_name(digest_of(content)): content}
