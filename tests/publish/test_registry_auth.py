"""Credentials, challenges and tokens."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.adapters.registry.auth import (
    Credentials,
    docker_config_file,
    docker_credentials,
    parse_challenge,
)
from flagrelease.adapters.registry.session import Patience
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import PublishError
from tests.publish.conftest import an_image, ignore
from tests.publish.docker_registry import FaultProxy, Registry, Reply, proxied

SECRET = "canary-5a7e91"


def _config(folder: Path, document: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return path


def _auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


class TokenGate:
    """A token service and a registry's door: each token opens it `uses` times."""

    def __init__(self, uses: int, *, realm: str = "", token: object = None) -> None:
        self.uses = uses
        self.realm = realm
        self.token = token
        self.left: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, headers: dict[str, str]) -> Reply | None:
        if path.startswith("/token"):
            self.asked.append((path, headers.get("Authorization", "")))
            token = f"t{len(self.asked)}"
            self.left[token] = self.uses
            answer = {"token": token if self.token is None else self.token}
            return Reply(method, path, 200, {}, json.dumps(answer).encode())
        token = headers.pop("Authorization", "").removeprefix("Bearer ")
        if self.left.get(token, 0) > 0:
            self.left[token] -= 1
            return None
        realm = self.realm or f"http://{headers['Host']}/token"
        return Reply(method, path, 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="here"'}, b"")


@pytest.mark.parametrize("uses", [1, 2, 3, 1000])
def test_the_token_flow_survives_tokens_that_run_out(
    *, uses: int, registry: Registry, repository: str, store: FileStore, tmp_path: Path, impatient: Patience
) -> None:
    gate = TokenGate(uses)
    image = an_image(store)
    with proxied(FaultProxy(registry.address, instead=gate)) as proxy:
        config = _config(tmp_path, {"auths": {proxy.address: _auth(f"me:{SECRET}")}})
        target = RegistryTarget(f"{proxy.address}/{repository}", store, docker_config=config, patience=impatient)
        target.check()
        target.publish(image, "r1", ignore)
    assert registry.tag_digest(repository, "r1") == image.digest
    path, who = gate.asked[0]
    assert f"scope=repository%3A{repository.replace('/', '%2F')}%3Apull%2Cpush" in path
    assert "service=here" in path
    assert who == Credentials(username="me", password=SECRET).basic()
    # The password goes to the token service alone.
    assert not [h for (_, p), h in zip(proxy.requests, proxy.headers, strict=True) if "/v2/" in p and "Basic" in str(h)]


def test_a_token_is_asked_for_without_a_name_when_none_is_known(
    registry: Registry, repository: str, store: FileStore, impatient: Patience
) -> None:
    gate = TokenGate(1000)
    with proxied(FaultProxy(registry.address, instead=gate)) as proxy:
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).check()
    assert [who for _, who in gate.asked] == [""]


@pytest.mark.parametrize(
    "realm", ["http://elsewhere.test/token", "file:///etc/passwd", "https://a:b@elsewhere.test/", "no address"]
)
def test_a_password_is_not_taken_to_a_place_without_tls(
    realm: str, repository: str, store: FileStore, tmp_path: Path, impatient: Patience
) -> None:
    with proxied(FaultProxy("", instead=TokenGate(1, realm=realm))) as proxy:
        config = _config(tmp_path, {"auths": {proxy.address: _auth(f"me:{SECRET}")}})
        target = RegistryTarget(f"{proxy.address}/{repository}", store, docker_config=config, patience=impatient)
        with pytest.raises(PublishError, match="sends us to"):
            target.check()


@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: 1", 7, ["t"], {"token": "x"}, "x" * 70_000])
def test_a_token_that_is_none_is_refused(token: object, repository: str, store: FileStore, impatient: Patience) -> None:
    with proxied(FaultProxy("", instead=TokenGate(1, token=token))) as proxy:
        target = RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient)
        with pytest.raises(PublishError, match="gave no token"):
            target.check()


def test_a_way_to_log_in_that_is_not_known_is_said_so(repository: str, store: FileStore, impatient: Patience) -> None:
    def negotiate(method: str, path: str, _headers: dict[str, str]) -> Reply:
        return Reply(method, path, 401, {"WWW-Authenticate": "Negotiate"}, b"")

    with (
        proxied(FaultProxy("", instead=negotiate)) as proxy,
        pytest.raises(PublishError, match="neither Basic nor Bearer"),
    ):
        RegistryTarget(f"{proxy.address}/{repository}", store, patience=impatient).check()


def test_the_netrc_is_not_asked(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with proxied(FaultProxy(registry.address)) as proxy:
        RegistryTarget(f"{proxy.address}/{repository}", store).publish(an_image(store), "r1", ignore)
    assert not [headers for headers in proxy.headers if "Authorization" in headers]


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Basic realm="x"', "basic", {"realm": "x"}),
        ('bearer REALM="https://a/t",service="s"', "bearer", {"realm": "https://a/t", "service": "s"}),
        ('Basic realm="x", Bearer realm="https://a/t"', "bearer", {"realm": "https://a/t"}),
        ('Bearer realm="https://a/t",scope="repository:a:pull,push"', "bearer", None),
        ("Basic realm=x", "basic", {"realm": "x"}),
    ],
)
def test_challenges_are_understood(header: str, scheme: str, parameters: dict[str, str] | None) -> None:
    challenge = parse_challenge(header)
    assert challenge is not None
    assert challenge.scheme == scheme
    if parameters is not None:
        assert challenge.parameters == parameters


@given(st.text(max_size=300) | st.text(alphabet='basicbearer realm=",x', max_size=3000))
def test_no_challenge_breaks_the_reader(header: str) -> None:
    parse_challenge(header)


@pytest.mark.parametrize(
    "key", ["r.test:5000", "https://r.test:5000", "https://r.test:5000/v2/", "http://r.test:5000/"]
)
def test_docker_writes_a_host_in_several_ways(key: str, tmp_path: Path) -> None:
    config = _config(tmp_path, {"auths": {"other.test": _auth("a:b"), key: _auth(f"me:{SECRET}:x")}})
    found = docker_credentials("r.test:5000", config)
    assert found == Credentials(username="me", password=f"{SECRET}:x")
    assert SECRET not in repr(found)
    assert docker_credentials("r.test", config) is None


def test_no_file_means_no_credentials(tmp_path: Path) -> None:
    assert docker_credentials("r.test", tmp_path / "missing.json") is None
    assert docker_credentials("r.test", _config(tmp_path, {})) is None


@pytest.mark.parametrize(
    "document",
    [
        {"auths": {"r.test": {"auth": SECRET + "!"}}},
        {"auths": {"r.test": _auth(SECRET)}},
        {"auths": {"r.test": {"auth": "/w=="}}},
        [SECRET],
    ],
)
def test_a_damaged_file_is_said_so_without_its_content(document: object, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"config\.json") as refused:
        docker_credentials("r.test", _config(tmp_path, document))
    assert "canary" not in f"{refused.value.message} {refused.value.hint} {refused.value.__cause__!r}"


@pytest.mark.parametrize(
    "document",
    [
        {"auths": {"r.test": {}}, "credsStore": "secretservice"},
        {"auths": {"r.test": {}}, "credHelpers": {"r.test": "x"}},
        {"auths": {"r.test": {"identitytoken": "x"}}},
    ],
)
def test_a_password_in_a_credential_program_is_said_so(document: object, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="a credential program or an identity token holds it"):
        docker_credentials("r.test", _config(tmp_path, document))


def test_dockers_file_is_where_docker_looks_for_it() -> None:
    assert docker_config_file({"DOCKER_CONFIG": "/a"}, Path("/home/me")) == Path("/a/config.json")
    assert docker_config_file({}, Path("/home/me")) == Path("/home/me/.docker/config.json")
