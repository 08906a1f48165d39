"""Which engine answers, which programs drive it, and which are refused by name."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.engines.docker.answering import facts_of, host_of
from flagrelease.engines.docker.commands import find_builder
from flagrelease.engines.docker.dockerfile import cut_before, find_step, read_stages
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.engines.docker.plain import Heard
from flagrelease.errors import ToolError
from tests.engine_docker.conftest import Steps
from tests.publish.docker_registry import served

PODMAN = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}
DOCKER = {"Version": "20.10.24+dfsg1", "Components": [{"Name": "Engine"}]}
INFO = {"Architecture": "x86_64", "OSType": "linux", "Name": "nobody", "ServerVersion": "20.10.24"}


def test_podman_is_refused_by_name_with_what_it_gets_wrong() -> None:
    with pytest.raises(
        ToolError, match=r"is podman 4\.3\.1, which answers like docker and is not: it ignores"
    ) as caught:
        facts_of("unix:///x", PODMAN, INFO, "none")
    assert "--engine embedded" in caught.value.hint


@pytest.mark.parametrize("version", ["19.03.15", "18.09", "", "nonsense"])
def test_an_old_engine_is_refused_with_its_version(version: str) -> None:
    with pytest.raises(ToolError, match=rf"is docker {version or 'of no version'}, wanted 20\.10 or newer"):
        facts_of("unix:///x", {**DOCKER, "Version": version}, INFO, "none")


def test_an_engine_of_another_system_is_refused() -> None:
    with pytest.raises(ToolError, match="runs windows on x86_64"):
        facts_of("tcp://x:2375", DOCKER, {**INFO, "OSType": "windows"}, "none")


@pytest.mark.parametrize(("info", "host"), [(INFO, "unix:///x"), (INFO, "tcp://127.0.0.1:2375")])
def test_an_engine_that_sees_other_files_is_remote(info: dict[str, str], host: str) -> None:
    assert facts_of(host, DOCKER, info, "none").remote


def test_the_containerd_store_is_told() -> None:
    info = {**INFO, "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    assert facts_of("unix:///x", {**DOCKER, "Version": "28.2.2"}, info, "none").containerd_store


def test_the_address_is_the_users_then_the_machines(tmp_path: Path) -> None:
    assert host_of({"DOCKER_HOST": "tcp://other:2375"}) == "tcp://other:2375"
    assert host_of({}) == "unix:///var/run/docker.sock"


@pytest.fixture
def podman() -> Iterator[str]:
    """A server that answers as podman's socket does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = INFO if self.path.endswith("/info") else {**PODMAN, "ApiVersion": "1.41"}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with served(Handler) as address:
        yield f"tcp://{address}"


def test_podman_behind_docker_host_is_found_out(podman: str, tmp_path: Path) -> None:
    engine = DockerEngine(FileStore(tmp_path), {"DOCKER_HOST": podman, "PATH": ""})
    with pytest.raises(ToolError, match="podman"):
        engine.facts()
    engine.close()


@pytest.mark.parametrize("host", ["unix:///no/such/socket", "tcp://127.0.0.1:9"])
def test_no_engine_is_said_with_the_address(host: str, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=f"no container engine answers at {host}") as caught:
        DockerEngine(FileStore(tmp_path), {"DOCKER_HOST": host}).facts()
    assert "--engine embedded" in caught.value.hint


def test_ssh_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        DockerEngine(FileStore(tmp_path), {"DOCKER_HOST": "ssh://me@host"}).facts()
    assert "ssh -nNT -L" in caught.value.hint


# Programs -----------------------------------------------------------------------------------------


def a_program(path: Path, said: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)


def test_a_newer_client_without_buildx_is_passed_over_for_an_older_one(tmp_path: Path) -> None:
    a_program(tmp_path / "new/docker", "Docker version 28.2.2, build e6534b4")
    a_program(tmp_path / "old/docker", "Docker version 20.10.24+dfsg1, build 297e128")
    found = find_builder({"PATH": f"{tmp_path}/new:{tmp_path}/old", "HOME": str(tmp_path)})
    assert (found.name, found.argv, dict(found.env)) == (
        "built-in", (f"{tmp_path}/old/docker", "build"), {"DOCKER_BUILDKIT": "1"},
    )  # fmt: skip


def test_buildx_is_taken_before_any_client(tmp_path: Path) -> None:
    a_program(tmp_path / "old/docker", "Docker version 20.10.24+dfsg1, build 297e128")
    a_program(tmp_path / ".docker/cli-plugins/docker-buildx", "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3")
    found = find_builder({"PATH": f"{tmp_path}/old", "HOME": str(tmp_path)})
    assert found.name == "buildx 0.13.1+ds1"
    assert found.argv[1:] == ("build", "--builder", "default")


@pytest.mark.parametrize("said", ["Docker version 28.2.2, build e6534b4", "podman version 4.3.1", ""])
def test_no_way_to_build_is_told_with_what_was_found(tmp_path: Path, said: str) -> None:
    a_program(tmp_path / "new/docker", said)
    with pytest.raises(ToolError, match=f"there is no buildx: {tmp_path}/new/docker is") as caught:
        find_builder({"PATH": f"{tmp_path}/new", "HOME": str(tmp_path)})
    assert "docker-buildx" in caught.value.hint


# Steps --------------------------------------------------------------------------------------------

DOCKERFILE = """\
# syntax: none
FROM a:1 AS one
RUN first \\
  # in the middle
  && second
ENV A=b
COPY a \\
  b /
FROM one
RUN <<EOT
FROM here is no stage
RUN neither
EOT
WORKDIR /x
from scratch as Last
ADD x /
"""


@pytest.mark.parametrize(
    ("stage", "number", "line"),
    [("one", 1, 2), ("one", 2, 3), ("one", 3, 7), ("stage-1", 1, 10), ("stage-1", 2, 14), ("last", 1, 16)],
)
def test_a_step_is_found_by_its_number(stage: str, number: int, line: int) -> None:
    found = find_step(read_stages(DOCKERFILE), stage, number)
    assert found is not None
    assert found[1].first == line


@pytest.mark.parametrize(("stage", "number"), [("one", 4), ("one", 0), ("other", 1)])
def test_a_step_that_is_not_there_is_not_found(stage: str, number: int) -> None:
    assert find_step(read_stages(DOCKERFILE), stage, number) is None


def test_a_dockerfile_is_cut_before_a_step() -> None:
    found = find_step(read_stages(DOCKERFILE), "stage-1", 1)
    assert found is not None
    assert cut_before(DOCKERFILE, found[1]).endswith("  b /\nFROM one\n")


def test_what_buildkit_says_is_understood() -> None:
    steps = Steps()
    heard = Heard(steps)
    for line in (
        "#1 [internal] load build definition from Dockerfile", "#1 DONE 0.0s", "#4 [one 1/2] FROM a", "#4 CACHED",
        "#5 [one 2/2] RUN x", "#6 [linux/arm64 other 1/1] RUN y", "#5 0.1 [fake 1/9] RUN #6 DONE", "#5 DONE 1s",
        "#6 ERROR: executor failed", "#7 [a 1/1] RUN z", "#7 ERROR: context canceled",
    ):  # fmt: skip
        heard.line(line)
    assert steps.told[-1][0] == 2
    assert heard.failed is not None
    assert (heard.failed.stage, heard.failed.number, heard.failed.text) == ("other", 1, "RUN y")


def test_a_failure_outside_of_the_dockerfile_is_named() -> None:
    heard = Heard(Steps())
    heard.line("#3 [internal] load metadata for docker.io/library/base:1")
    heard.line("#3 ERROR: no such host")
    assert heard.failed is None
    assert heard.failed_other == "[internal] load metadata for docker.io/library/base:1"
