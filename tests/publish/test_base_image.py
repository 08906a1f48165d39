"""A base image's digest is what the registry holds under its tag for one architecture, by content."""

import hashlib
import json

import pytest
import requests

from flagrelease.adapters.registry.base_image import image_digest
from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.chip import ImageBase
from flagrelease.domain.image import Image
from flagrelease.errors import LockError
from flagrelease.oci.manifest import INDEX_TYPE, MANIFEST_TYPE
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import Registry


def base(registry: Registry, repository: str, tag: str | None = "v1") -> ImageBase:
    return ImageBase(kind="image", image=f"{registry.address}/{repository}", tag=tag, os="some")


def published(registry: Registry, repository: str, store: FileStore, tag: str = "v1", content: bytes = b"x") -> Image:
    image = an_image(store, content)
    RegistryTarget(f"{registry.address}/{repository}", store).publish(image, tag, ignore)
    return image


def an_index(registry: Registry, repository: str, images: dict[str, Image]) -> None:
    manifests = [
        {
            "mediaType": MANIFEST_TYPE,
            "digest": image.digest,
            "size": image.manifest_size,
            "platform": {"architecture": architecture, "os": "linux"},
        }
        for architecture, image in images.items()
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests})
    answer = requests.put(
        f"http://{registry.address}/v2/{repository}/manifests/v1",
        data=body,
        headers={"Content-Type": INDEX_TYPE},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text


def test_the_digest_is_that_of_the_manifest_under_the_tag(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    image = published(registry, repository, store)
    assert image_digest(base(registry, repository), "amd64", patience=impatient) == image.digest


def test_of_an_index_the_manifest_of_the_wanted_architecture_is_taken(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    ours = published(registry, repository, store, "a", b"ours")
    other = published(registry, repository, store, "b", b"other")
    an_index(registry, repository, {"arm64": other, "amd64": ours})
    assert image_digest(base(registry, repository), "amd64", patience=impatient) == ours.digest
    assert image_digest(base(registry, repository), "arm64", patience=impatient) == other.digest


def test_an_index_without_the_architecture_is_refused_by_name(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    an_index(registry, repository, {"arm64": published(registry, repository, store, "a")})
    with pytest.raises(LockError, match="has no image for linux/amd64"):
        image_digest(base(registry, repository), "amd64", patience=impatient)


def test_a_tag_that_is_not_there_is_named(registry: Registry, repository: str, impatient: Patience) -> None:
    with pytest.raises(LockError, match=f"{repository}:v1 is not in its registry"):
        image_digest(base(registry, repository), "amd64", patience=impatient)


def test_a_base_without_tag_and_digest_is_refused(registry: Registry, repository: str) -> None:
    with pytest.raises(LockError, match="neither a tag nor a digest"):
        image_digest(base(registry, repository, tag=None), "amd64")


def test_a_registry_that_is_not_there_is_a_lock_error_with_its_host(impatient: Patience) -> None:
    nowhere = ImageBase(kind="image", image="127.0.0.1:9/some/base", tag="v1", os="some")
    with pytest.raises(LockError, match=r"127\.0\.0\.1:9 does not say its digest"):
        image_digest(nowhere, "amd64", patience=impatient)


def test_the_digest_is_of_the_content_not_of_a_header(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    image = published(registry, repository, store)
    content = registry.blob(image.digest).read_bytes()
    assert image.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
