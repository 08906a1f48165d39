"""Images on their way: pulled by digest, loaded from archives that nobody vouches for, taken into the store."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.errors import SourceError
from flagrelease.oci.manifest import MANIFEST_TYPE, parse_config, parse_manifest
from tests.dockerd import Dockerd
from tests.engine_docker.conftest import BASE, MakeRequest, Steps
from tests.publish.docker_registry import Registry, docker_registry

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "open") as found:
        yield found


@pytest.fixture
def pushed(clean: Dockerd, registry: Registry) -> tuple[str, str]:
    """Name and digest of the base image in a registry; the engine has it no longer under that name."""
    name = f"{registry.address}/vendor/base"
    clean.call("tag", BASE, f"{name}:1")
    said = clean.call("push", f"{name}:1")
    clean.call("rmi", f"{name}:1")
    return name, "sha256:" + said.rpartition("sha256:")[2][:64]


def test_an_image_is_pulled_by_digest(any_engine: DockerEngine, pushed: tuple[str, str], clean: Dockerd) -> None:
    name, digest = pushed
    any_engine.pull(name, digest, "amd64", tag="fr-pulled:1", progress=Steps())
    found = any_engine.image("fr-pulled:1")
    assert found is not None
    assert found.architecture == "amd64"
    with pytest.raises(SourceError, match=r"the engine has .* for amd64, and arm64 is wanted"):
        any_engine.pull(name, digest, "arm64", tag="fr-other:1", progress=Steps())
    assert any_engine.image("fr-other:1") is None
    any_engine.remove("fr-pulled:1")
    clean.call("rmi", f"{name}@{digest}")


def test_a_digest_that_is_gone_is_refused_by_name_before_anything_is_pulled(
    any_engine: DockerEngine, pushed: tuple[str, str]
) -> None:
    name, gone = pushed[0], "sha256:" + "5" * 64
    with pytest.raises(SourceError) as caught:
        any_engine.pull(name, gone, "amd64", tag="fr-pulled:1", progress=Steps())
    assert caught.value.message.startswith(f"{name}@{gone} is in its registry no longer")
    assert any_engine.image("fr-pulled:1") is None


def test_another_architecture_is_refused_by_name_before_anything_is_pulled(
    any_engine: DockerEngine, pushed: tuple[str, str]
) -> None:
    name, digest = pushed
    with pytest.raises(SourceError, match="is for linux/amd64, and linux/arm64 is wanted; nothing was pulled"):
        any_engine.pull(name, digest, "arm64", tag="fr-pulled:1", progress=Steps())
    assert any_engine.image(f"{name}@{digest}") is None


def test_a_manifest_without_its_configuration_is_refused(
    any_engine: DockerEngine, pushed: tuple[str, str], registry: Registry
) -> None:
    name, digest = pushed
    config = json.loads(registry.blob(digest).read_bytes())["config"]["digest"]
    path = registry.blob(config)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"amd64"', b'"arm64"'))
    try:
        with pytest.raises(SourceError):
            any_engine.pull(name, digest, "amd64", tag="fr-pulled:1", progress=Steps())
    finally:
        path.write_bytes(content)
    assert any_engine.image("fr-pulled:1") is None


# Archives -----------------------------------------------------------------------------------------


def a_layer(content: bytes = b"hello") -> bytes:
    return tar_of({"hello": content})


def tar_of(members: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()


def a_config(*layers: bytes, architecture: str = "amd64") -> bytes:
    ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    document = {
        "architecture": architecture,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": ids},
        "config": {},
    }
    return json.dumps(document).encode()


def saved(layer: bytes | None = None, *, architecture: str = "amd64", tags: tuple[str, ...] = ()) -> dict[str, bytes]:
    layer = a_layer() if layer is None else layer
    listed = [{"Config": "c.json", "RepoTags": list(tags), "Layers": ["l/layer.tar"]}]
    return {
        "c.json": a_config(a_layer(), architecture=architecture),
        "l/layer.tar": layer,
        "manifest.json": json.dumps(listed).encode(),
    }


def a_layout() -> dict[str, bytes]:
    layer, config = a_layer(), a_config(a_layer())
    blobs = {hashlib.sha256(content).hexdigest(): content for content in (layer, config)}
    names = {content: f"sha256:{name}" for name, content in blobs.items()}
    manifest = json.dumps(
        {"config": {"digest": names[config]}, "layers": [{"digest": names[layer]}], "schemaVersion": 2}
    ).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    index = {"manifests": [{"mediaType": MANIFEST_TYPE, "digest": f"sha256:{digest}", "size": len(manifest)}]}
    members = {f"blobs/sha256/{name}": content for name, content in {**blobs, digest: manifest}.items()}
    return {**members, "index.json": json.dumps(index).encode(), "oci-layout": b"{}"}


@pytest.mark.parametrize("members", [saved(), saved(gzip.compress(a_layer())), a_layout()], ids=["saved", "gz", "oci"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_loaded_under_our_tag(
    any_engine: DockerEngine, tmp_path: Path, store: FileStore, members: dict[str, bytes], *, packed: bool
) -> None:
    file, content = tmp_path / "image.tar", tar_of(members)
    file.write_bytes(gzip.compress(content) if packed else content)
    any_engine.load(file, tag="fr-loaded:1", architecture="amd64")
    kept = any_engine.keep("fr-loaded:1", Steps())
    assert [layer.digest for layer in kept.layers] == [f"sha256:{hashlib.sha256(a_layer()).hexdigest()}"]
    any_engine.remove("fr-loaded:1")


def test_an_archive_brings_no_tag_of_its_own(any_engine: DockerEngine, tmp_path: Path) -> None:
    before = any_engine.image(BASE)
    (tmp_path / "image.tar").write_bytes(tar_of(saved(tags=(BASE, "fr-other:1"))))
    any_engine.load(tmp_path / "image.tar", tag="fr-loaded:1", architecture="amd64")
    assert any_engine.image(BASE) == before
    assert any_engine.image("fr-other:1") is None
    any_engine.remove("fr-loaded:1")


def all_images(dockerd: Dockerd) -> list[str]:
    """Sorted: images of one time come in no order of their own."""
    return sorted(dockerd.call("images", "--all", "--quiet", "--no-trunc").splitlines())


def linked(info: tarfile.TarInfo) -> None:
    if info.name == "l/layer.tar":
        info.type, info.linkname, info.size = tarfile.SYMTYPE, "../../../etc/passwd", 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no archive of an image"),
        (b"nothing", "no archive of an image"),
        (tar_of({"a": b"b"}), "neither a manifest.json nor an index.json"),
        (tar_of({**saved(), "manifest.json": b"[]"}), "lists 0 images"),
        (tar_of({**saved(), "manifest.json": b"[" * 100_000}), "not JSON"),
        (tar_of({**saved(), "manifest.json": b'[{"Config":"/etc/passwd","Layers":["l/layer.tar"]}]'}), "no such file"),
        (tar_of({**saved(), "manifest.json": b'[{"Config":"../c.json","Layers":["l/layer.tar"]}]'}), "no such file"),
        (tar_of(saved(), linked), "no such file"),
        (tar_of({**saved(), "c.json": b"{}"}), "image config"),
        (tar_of({**saved(), "c.json": a_config(a_layer(), a_layer())}), "has 1 layers, its image wants 2"),
        (tar_of(saved(a_layer(b"other"))), "cannot be loaded"),
        (tar_of(saved(architecture="arm64")), "is for arm64, and amd64 is wanted"),
        (tar_of(saved())[:1700], "no archive of an image|is cut|no such file"),
        (gzip.compress(tar_of(saved()))[:200], "no archive of an image"),
    ],
    ids=range(14),
)
def test_what_is_no_image_of_ours_is_refused_and_nothing_is_loaded(
    any_engine: DockerEngine, tmp_path: Path, clean: Dockerd, content: bytes, told: str
) -> None:
    before = all_images(clean)
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(SourceError, match=told):
        any_engine.load(tmp_path / "image.tar", tag="fr-loaded:1", architecture="amd64")
    assert all_images(clean) == before


# Kept ---------------------------------------------------------------------------------------------


def built(engine: DockerEngine, request_for: MakeRequest, words: str) -> Image:
    dockerfile = f"FROM {BASE} AS bundle\nRUN echo {words} >/words\nENV A='b c'\nWORKDIR /www\nLABEL l=m\n"
    engine.build(request_for(f'{dockerfile}USER 7:7\nENTRYPOINT ["/bin/cat", "/words"]\nEXPOSE 80\n'), Steps())
    return engine.keep("fr-made:1", Steps())


def test_an_image_is_kept_as_plain_layers_with_what_says_how_it_runs(
    any_engine: DockerEngine, request_for: MakeRequest, store: FileStore
) -> None:
    image = built(any_engine, request_for, "kept")
    assert {layer.name for layer in image.layers} == {"built"}
    manifest = parse_manifest(store.path(image.digest).read_bytes())
    assert [layer.digest for layer in manifest.layers] == [layer.digest for layer in image.layers]
    config = parse_config(store.path(image.config).read_bytes()).config
    assert (config.entrypoint, config.working_dir, config.labels) == (("/bin/cat", "/words"), "/www", {"l": "m"})
    assert config.environment()["A"] == "b c"
    raw = json.loads(store.path(image.config).read_bytes())
    assert raw["config"]["User"] == "7:7"
    with tarfile.open(store.path(image.layers[-2].digest), "r:") as archive:
        assert "words" in archive.getnames()


def test_equal_images_have_equal_digests_and_other_images_others(
    any_engine: DockerEngine, request_for: MakeRequest, tmp_path: Path, clean: Dockerd
) -> None:
    first = built(any_engine, request_for, "one")
    # Another time of creation, the same layers.
    clean.call("tag", "fr-made:1", "fr-again:1")
    again = built(any_engine, request_for, "one")
    assert again == first
    assert built(any_engine, request_for, "two").digest != first.digest
    any_engine.remove("fr-again:1")
