"""What is inside the image that was built, seen from inside and by stock tools."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.domain.lock import LockedWeights
from flagrelease.engines.embedded.engine import EmbeddedEngine
from tests.e2e.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def image(built: Project) -> Image:
    return Image.model_validate_json(json.dumps(built.done("build")["value"]))


@pytest.fixture
def weights(built: Project) -> LockedWeights:
    return LockedWeights.model_validate_json(json.dumps(built.done("resolve")["value"]["weights"]))


def run_inside(built: Project, image: Image, *argv: str, log: Path) -> str:
    engine = EmbeddedEngine(FileStore(built.home), built.home)
    status = engine.run(image, argv, log=log, timeout_s=60)
    text = log.read_text()
    assert status == 0, text
    return text


def test_a_file_that_only_the_host_has_cannot_be_seen_inside(built: Project, image: Image, tmp_path: Path) -> None:
    secret = tmp_path / "only-on-the-host"
    secret.write_text("canary")
    engine = EmbeddedEngine(FileStore(built.home), built.home)
    log = tmp_path / "log"
    for place in (secret, Path(f"/proc/1/root{secret}"), Path(f"/../..{secret}")):
        assert engine.run(image, ["/usr/bin/cat", str(place)], log=log, timeout_s=60) != 0
    assert "canary" not in log.read_text()


def test_the_weights_inside_are_those_of_the_lock_and_of_their_layer(
    built: Project, image: Image, weights: LockedWeights, tmp_path: Path
) -> None:
    place = image.weights[0].path
    inside = run_inside(built, image, "/usr/bin/sha256sum", place, log=tmp_path / "log")
    assert weights.files[0].sha256 in inside
    layer = next(layer for layer in image.layers if layer.name == "weights")
    with tarfile.open(FileStore(built.home).path(layer.digest)) as tar:
        packed = tar.extractfile(place.lstrip("/"))
        assert packed is not None
        assert hashlib.sha256(packed.read()).hexdigest() == weights.files[0].sha256


def test_weights_are_in_the_store_as_a_file_and_as_a_layer_and_nowhere_else(
    built: Project, image: Image, weights: LockedWeights
) -> None:
    size = weights.files[0].size
    large = {p.stat().st_ino for p in built.home.rglob("*") if p.is_file() and size <= p.stat().st_size < 2 * size}
    raw, layer = (FileStore(built.home).path(digest) for digest in _weights_digests(image))
    assert {raw.stat().st_ino, layer.stat().st_ino} <= large
    (rootfs,) = (built.home / "rootfs").glob(f"{image.digest.removeprefix('sha256:')}.without-weights")
    assert not list(rootfs.rglob("*.gguf"))
    assert not list((built.home / "partial").glob("*"))


def test_the_layout_is_linked_from_the_store_and_not_copied(built: Project, image: Image) -> None:
    store = FileStore(built.home)
    for layer in image.layers:
        blob = built.bundle() / "5-build" / "image" / "blobs" / "sha256" / layer.digest.removeprefix("sha256:")
        assert blob.stat().st_ino == store.path(layer.digest).stat().st_ino


def _weights_digests(image: Image) -> tuple[str, str]:
    return image.weights[0].content, next(layer.digest for layer in image.layers if layer.name == "weights")
