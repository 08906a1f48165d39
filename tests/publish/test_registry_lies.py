"""A registry that lies, leads elsewhere or answers without end."""

import gzip
import hashlib
import time
from collections.abc import Callable

import pytest

from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.errors import PublishError
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import FaultProxy, Registry, Reply, proxied

Lie = Callable[[Reply, Image], None]


def _other_manifest(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(f"manifests/{image.digest}"):
        reply.body = reply.body.replace(b'"schemaVersion":2', b'"schemaVersion": 2')


def _other_config(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(image.config):
        reply.body = reply.body.replace(b"A=b", b"A=c")


def _flipped_bit(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(image.layers[1].digest):
        reply.body = bytes([reply.body[0] ^ 1]) + reply.body[1:]


def _longer_layer(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(image.layers[1].digest):
        reply.body += b"\0"


def _shorter_layer(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(image.layers[1].digest):
        reply.body = reply.body[:-1]


def _wrong_length(reply: Reply, image: Image) -> None:
    if reply.method == "HEAD" and reply.status == 200 and reply.path.endswith(image.layers[0].digest):
        reply.headers["Content-Length"] = "17"


def _claims_to_have_all(reply: Reply, _image: Image) -> None:
    if reply.method == "HEAD" and "/blobs/" in reply.path:
        reply.status = 200


def _compressed(reply: Reply, image: Image) -> None:
    if reply.method == "GET" and reply.path.endswith(image.layers[1].digest):
        reply.headers["Content-Encoding"] = "gzip"
        reply.body = gzip.compress(reply.body)


def _takes_and_forgets(reply: Reply, image: Image) -> None:
    if reply.path.endswith(f"manifests/{image.digest}") and reply.method == "GET":
        reply.status = 404


LIES: list[tuple[Lie, str]] = [
    (_other_manifest, "gives another manifest back"),
    (_other_config, "gives another config back"),
    (_flipped_bit, "gives sha256:[0-9a-f]{64} back for"),
    (_longer_layer, "gives more than the"),
    (_shorter_layer, "ended after"),
    (_wrong_length, "has 17 bytes, wanted"),
    (_claims_to_have_all, "bytes, wanted"),
    (_compressed, "compresses an answer"),
    (_takes_and_forgets, "wanted 200, found 404"),
]


@pytest.mark.parametrize(("lie", "said"), LIES, ids=lambda value: getattr(value, "__name__", "").strip("_"))
def test_a_registry_that_gives_something_else_back_gets_no_tag(
    *, lie: Lie, said: str, registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    image = an_image(store, repository.encode())

    def change(reply: Reply) -> Reply:
        lie(reply, image)
        return reply

    with (
        proxied(FaultProxy(registry.address, change=change)) as proxy,
        pytest.raises(PublishError, match=said) as refused,
    ):
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).publish(image, "r1", ignore)
    assert refused.value.exit_code == 9
    assert registry.tag_digest(repository, "r1") is None


def test_a_tag_that_names_something_else_right_after_it_was_set_is_an_error(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    image = an_image(store)

    def change(reply: Reply) -> Reply:
        if reply.method == "GET" and reply.path.endswith("manifests/r1") and reply.status == 200:
            reply.body += b" "
        return reply

    with (
        proxied(FaultProxy(registry.address, change=change)) as proxy,
        pytest.raises(PublishError, match="right after it was set"),
    ):
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).publish(image, "r1", ignore)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:5000/v2/x/blobs/uploads/1",
        "https://{host}/v2/x/blobs/uploads/1",
        "//elsewhere.test/upload",
        "file:///etc/passwd",
        "http://[bad/",
        "http://user:secret@{host}/v2/x",
        "ftp://{host}/x",
        "http://{host}:99999/x",
    ],
)
def test_an_upload_that_is_sent_elsewhere_is_refused(
    location: str, registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    def change(reply: Reply) -> Reply:
        if reply.method == "POST":
            reply.headers["Location"] = location.format(host=proxy.address)
        return reply

    with proxied(FaultProxy(registry.address, change=change)) as proxy:
        target = RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient)
        with pytest.raises(PublishError, match="sends us to") as refused:
            target.publish(an_image(store, location.encode()), "r1", ignore)
    assert "secret" not in refused.value.message
    assert not [request for request in proxy.requests if request[0] == "PUT"]


def test_a_download_that_is_redirected_elsewhere_is_not_followed(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    with proxied(FaultProxy(registry.address)) as elsewhere:

        def change(reply: Reply) -> Reply:
            if reply.method == "GET" and "/blobs/" in reply.path:
                reply.status = 307
                reply.headers["Location"] = f"http://{elsewhere.address}{reply.path}"
            return reply

        with proxied(FaultProxy(registry.address, change=change)) as proxy:
            target = RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient)
            with pytest.raises(PublishError, match="is trusted with this release"):
                target.publish(an_image(store), "r1", ignore)
        assert elsewhere.requests == []


def test_a_redirect_within_the_registry_is_followed_but_not_in_circles(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    def once(method: str, path: str, _headers: dict[str, str]) -> Reply | None:
        if method == "GET" and "/blobs/" in path and "again" not in path:
            return Reply(method, path, 302, {"Location": f"{path}?again=1"}, b"")
        return None

    image = an_image(store)
    with proxied(FaultProxy(registry.address, instead=once)) as proxy:
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).publish(image, "r1", ignore)
    circle = FaultProxy("", instead=lambda method, path, _headers: Reply(method, path, 302, {"Location": path}, b""))
    with proxied(circle) as proxy, pytest.raises(PublishError, match="redirects more than 4 times"):
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).check()


@pytest.mark.parametrize("status", [200, 302, 400, 401])
def test_an_answer_without_end_is_not_read(status: int, repository: str, store: FileStore, impatient: Patience) -> None:
    flood = b"x" * (64 << 20)
    headers = {"Location": "/v2/", "WWW-Authenticate": 'Basic realm="x"'}
    endless = FaultProxy("", instead=lambda method, path, _headers: Reply(method, path, status, dict(headers), flood))
    with proxied(endless) as proxy:
        with pytest.raises(PublishError):
            RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).check()
        deadline = time.monotonic() + 10
        while not proxy.hung_up and time.monotonic() < deadline:
            time.sleep(0.01)
        assert proxy.hung_up


def test_an_error_that_repeats_the_request_is_not_repeated_to_people(
    repository: str, store: FileStore, impatient: Patience
) -> None:
    echo = b'{"errors": [{"code": "DENIED", "message": "canary-secret \\u001b[31m"}]}'
    with (
        proxied(FaultProxy("", instead=lambda method, path, _headers: Reply(method, path, 400, {}, echo))) as proxy,
        pytest.raises(PublishError, match=r"found 400 DENIED$") as refused,
    ):
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).check()
    assert "canary" not in refused.value.message


def test_the_tags_digest_is_taken_from_its_content_and_not_from_a_header(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")

    def change(reply: Reply) -> Reply:
        reply.headers["Docker-Content-Digest"] = second.digest
        return reply

    with proxied(FaultProxy(registry.address, change=change)) as proxy:
        target = RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient)
        target.publish(first, "r1", ignore)
        with pytest.raises(PublishError, match=f"is {first.digest}, wanted {second.digest}"):
            target.publish(second, "r1", ignore)


def test_an_image_whose_manifest_names_other_blobs_is_not_sent(
    registry: Registry, repository: str, store: FileStore
) -> None:
    image = an_image(store)
    forged = image.model_copy(update={"layers": image.layers[:1]})
    with pytest.raises(PublishError, match="names other blobs"):
        RegistryTarget(f"{registry.address}/{repository}", store).publish(forged, "r1", ignore)
    assert hashlib.sha256(store.path(image.digest).read_bytes()).hexdigest() == image.digest[7:]
