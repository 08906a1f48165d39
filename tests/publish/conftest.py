"""A store, images in it, and a registry of our own."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image, Layer
from flagrelease.domain.value import Digest
from flagrelease.oci.layout import read_layout, tag_of
from flagrelease.oci.manifest import config_bytes, manifest_bytes
from flagrelease.ports import Store
from tests.publish.docker_registry import Registry, docker_registry

MakeImage = Callable[..., Image]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a layout may be made."""
    return tmp_path / "layout"


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "open") as found:
        yield found


@pytest.fixture(scope="session")
def protected_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "protected", protected=True) as found:
        yield found


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository of its own for each test."""
    return f"test/{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


@pytest.fixture
def impatient() -> Patience:
    """One attempt, no waiting."""
    return Patience(attempts=1, answer_s=20.0, sleep=lambda _seconds: None)


@pytest.fixture
def patient() -> Patience:
    """Three attempts, no waiting."""
    return Patience(attempts=3, answer_s=20.0, sleep=lambda _seconds: None)


def an_image(store: Store, content: bytes = b"hello", *, weights: bytes = b"\x00" * 300_000) -> Image:
    """A small image of two layers; other content, other digests."""
    layers = (
        _layer(store, "base", "hello.txt", content),
        _layer(store, "weights", "weights.bin", weights),
    )
    config = config_bytes(
        architecture="amd64", env={"A": "b"}, entrypoint=["/bin/true"], exposed_port=8000, labels={}, layers=layers
    )
    config_digest = store.add_bytes(config)
    manifest = manifest_bytes(config=config_digest, config_size=len(config), layers=layers, annotations={})
    assert json.loads(manifest)["config"]["digest"] == config_digest
    return Image(
        digest=store.add_bytes(manifest),
        manifest_size=len(manifest),
        config=config_digest,
        layers=layers,
        architecture="amd64",
    )


def _layer(store: Store, name: str, path: str, content: bytes) -> Layer:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    tar_bytes = file.getvalue()
    return Layer.model_validate({"name": name, "digest": store.add_bytes(tar_bytes), "size": len(tar_bytes)})


def ignore(_done: int, _total: int) -> None:
    """Nobody follows."""


def tags_of(folder: Path) -> dict[str | None, str]:
    """The tags of a layout, with every blob read."""
    return {tag_of(entry): entry.digest for entry in read_layout(folder)}


def blob_of(folder: Path, digest: Digest) -> Path:
    """Where a layout has a blob."""
    return folder / "blobs" / "sha256" / digest[7:]
