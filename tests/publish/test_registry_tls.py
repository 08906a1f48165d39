"""Registries beyond this machine are spoken to over TLS only. 0.0.0.0 stands for one: it is no loopback address."""

import json
import ssl
import subprocess
from pathlib import Path

import pytest

from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import PublishError
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import FaultProxy, Registry, Reply, proxied

BASIC = "Basic bWU6Y2FuYXJ5"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate in one file, for 0.0.0.0 and localhost."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key, public = path.with_name("key.pem"), path.with_name("cert.pem")
    names = "subjectAltName=IP:0.0.0.0,DNS:localhost"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    subprocess.run([*argv, "-addext", names, "-keyout", str(key), "-out", str(public)], check=True, capture_output=True)
    path.write_bytes(key.read_bytes() + public.read_bytes())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "*")


def _public(address: str) -> str:
    return address.replace("127.0.0.1", "0.0.0.0")


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(
    registry: Registry, repository: str, store: FileStore, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    waited: list[float] = []
    with proxied(FaultProxy(registry.address), tls=tls) as proxy:
        patience = Patience(sleep=waited.append)
        target = RegistryTarget(f"{_public(proxy.address)}/{repository}", store, patience=patience)
        with pytest.raises(PublishError, match="certificate that is not trusted") as refused:
            target.check()
    assert "REQUESTS_CA_BUNDLE" in refused.value.hint
    assert waited == []


@pytest.mark.usefixtures("trusted")
def test_a_registry_beyond_this_machine_is_published_to_over_tls(
    registry: Registry, repository: str, store: FileStore, tls: ssl.SSLContext, impatient: Patience
) -> None:
    image = an_image(store)

    def change(reply: Reply) -> Reply:
        # The registry behind the proxy does not know that the world speaks TLS.
        if "Location" in reply.headers:
            reply.headers["Location"] = reply.headers["Location"].replace("http://", "https://")
        return reply

    with proxied(FaultProxy(registry.address, change=change), tls=tls) as proxy:
        target = RegistryTarget(f"{_public(proxy.address)}/{repository}", store, patience=impatient)
        target.check()
        target.publish(image, "r1", ignore)
    assert registry.tag_digest(repository, "r1") == image.digest


def test_a_registry_beyond_this_machine_is_never_asked_without_tls(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    with proxied(FaultProxy(registry.address)) as proxy:
        target = RegistryTarget(f"{_public(proxy.address)}/{repository}", store, patience=impatient)
        with pytest.raises(PublishError, match="the connection failed"):
            target.check()
        assert proxy.requests == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("allowed", [True, False])
def test_downloads_go_only_to_named_hosts_and_without_the_password(
    *, allowed: bool, registry: Registry, repository: str, store: FileStore, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    image = an_image(store)
    with proxied(FaultProxy(registry.address), tls=tls) as storage:

        def change(reply: Reply) -> Reply:
            if "Location" in reply.headers:
                reply.headers["Location"] = reply.headers["Location"].replace("http://", "https://")
            if reply.method == "GET" and "/blobs/" in reply.path:
                reply.status = 307
                reply.headers["Location"] = f"https://{storage.address.replace('127.0.0.1', 'localhost')}{reply.path}"
            return reply

        def gate(method: str, path: str, headers: dict[str, str]) -> Reply | None:
            if headers.get("Authorization") == BASIC:
                return None
            return Reply(method, path, 401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")

        with proxied(FaultProxy(registry.address, change=change, instead=gate), tls=tls) as proxy:
            host = _public(proxy.address)
            config = tmp_path / "config.json"
            config.write_text(json.dumps({"auths": {host: {"auth": BASIC.removeprefix("Basic ")}}}))
            hosts = ("localhost",) if allowed else ()
            target = RegistryTarget(f"{host}/{repository}", store, docker_config=config, download_hosts=hosts)
            if allowed:
                target.publish(image, "r1", ignore)
            else:
                with pytest.raises(PublishError, match="is trusted with this release"):
                    target.publish(image, "r1", ignore)
        assert len(storage.requests) == (3 if allowed else 0)
        assert not [headers for headers in storage.headers if "Authorization" in headers]
    assert (registry.tag_digest(repository, "r1") == image.digest) is allowed
