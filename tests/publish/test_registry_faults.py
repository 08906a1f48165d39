"""A registry behind a connection that breaks at every single request in turn."""

import itertools
import socket

import pytest

from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.errors import PublishError
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import FaultProxy, Registry, Reply, proxied

pytestmark = pytest.mark.slow

KINDS = ["cut", "cut_after", "500"]


def _breaks_at(number: int, kind: str) -> FaultProxy:
    return FaultProxy("", fault=lambda _proxy, now, _method, _path: kind if now == number else None)


def _ends_well(target: RegistryTarget, image: Image) -> bool:
    try:
        target.publish(image, "r1", ignore)
    except PublishError:
        return False
    return True


def _no_tag_without_its_blobs(registry: Registry, repository: str, image: Image) -> None:
    tagged = registry.tag_digest(repository, "r1")
    assert tagged in (None, image.digest)
    if tagged:
        assert all(registry.blob(digest).exists() for digest in image.stored())


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_the_connection_breaks_no_tag_lacks_a_blob_and_publishing_again_completes(
    kind: str, registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    points = 0
    for number in itertools.count(1):
        # Content of its own for each point: the registry shares blobs between repositories.
        image = an_image(store, f"{kind} {number}".encode(), weights=f"{kind} {number}".encode() * 20_000)
        proxy = _breaks_at(number, kind)
        proxy.upstream = registry.address
        place = f"{repository}/{number}"
        with proxied(proxy):
            target = RegistryTarget(f"{proxy.address}/{place}", store, patience=impatient)
            if _ends_well(target, image):
                break
            points += 1
            _no_tag_without_its_blobs(registry, place, image)
            before = {digest for digest in image.stored() if registry.blob(digest).exists()}
            body_bytes = proxy.body_bytes
            target.publish(image, "r1", ignore)
            sizes = {digest: store.path(digest).stat().st_size for digest in image.stored()}
            missing = sum(size for digest, size in sizes.items() if digest not in before)
            # Blobs that had arrived are not sent again; the manifest may be, twice.
            assert proxy.body_bytes - body_bytes <= missing + 2 * image.manifest_size
        assert registry.tag_digest(place, "r1") == image.digest
        assert all(registry.blob(digest).exists() for digest in image.stored())
    assert points == 20


@pytest.mark.parametrize("kind", KINDS)
def test_one_break_anywhere_is_survived_without_asking_anybody(
    kind: str, registry: Registry, repository: str, store: FileStore, patient: Patience
) -> None:
    for number in range(1, 21):
        image = an_image(store, f"patient {kind} {number}".encode(), weights=f"p{kind}{number}".encode() * 20_000)
        proxy = _breaks_at(number, kind)
        proxy.upstream = registry.address
        with proxied(proxy):
            RegistryTarget(f"{proxy.address}/{repository}/{number}", store, patience=patient).publish(
                image, "r1", ignore
            )
        assert registry.tag_digest(f"{repository}/{number}", "r1") == image.digest


def test_a_busy_registry_is_asked_again_after_the_time_it_names(
    registry: Registry, repository: str, store: FileStore
) -> None:
    waited: list[float] = []
    left = [3]

    def busy(method: str, path: str, _headers: dict[str, str]) -> Reply | None:
        if left[0]:
            left[0] -= 1
            return Reply(method, path, 429, {"Retry-After": "7" if left[0] else "999999"}, b"")
        return None

    with proxied(FaultProxy(registry.address, instead=busy)) as proxy:
        patience = Patience(attempts=4, first_wait_s=0.5, longest_wait_s=20.0, sleep=waited.append)
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=patience).publish(an_image(store), "r1", ignore)
    assert waited == [7.0, 7.0, 20.0]


def test_patience_ends(repository: str, store: FileStore) -> None:
    waited: list[float] = []
    down = FaultProxy("", instead=lambda method, path, _headers: Reply(method, path, 503, {}, b""))
    with proxied(down) as proxy:
        patience = Patience(attempts=4, first_wait_s=0.5, sleep=waited.append)
        with pytest.raises(PublishError, match="503, 4 times"):
            RegistryTarget(f"{proxy.address}/{repository}", store, patience=patience).check()
    assert waited == [0.5, 1.0, 2.0]
    assert len(proxy.requests) == 4


def test_where_nothing_answers_it_is_the_address_that_has_to_be_seen_to(
    repository: str, store: FileStore, patient: Patience
) -> None:
    with socket.socket() as taken:
        # Bound and not listening: a connection is refused, and nobody else can listen there meanwhile.
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(PublishError, match="the connection failed") as refused:
            RegistryTarget(f"{host}/{repository}", store, patience=patient).check()
    wanted = f"see that a registry listens at {host} and can be reached from here, then publish again"
    assert refused.value.hint == wanted


@pytest.mark.parametrize(
    "case",
    [
        ("GET", "", "publish again when the registry is well: nothing has been sent to it yet"),
        ("PUT", "manifests", "publish again: what has arrived is not sent a second time"),
    ],
)
def test_what_is_said_of_what_has_arrived_is_so(
    registry: Registry, repository: str, store: FileStore, impatient: Patience, case: tuple[str, str, str]
) -> None:
    method, part, hint = case

    def broken(now: str, path: str, _headers: dict[str, str]) -> Reply | None:
        return Reply(now, path, 503, {}, b"") if now == method and part in path else None

    image = an_image(store, hint.encode())
    with proxied(FaultProxy(registry.address, instead=broken)) as proxy:
        target = RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient)
        with pytest.raises(PublishError, match="503, 1 times") as failed:
            target.publish(image, "r1", ignore)
    assert failed.value.hint == hint
