"""What stages may expect of any image engine, asked of both."""

import io
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext, Image
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.engines.docker.images import DockerImageEngine
from flagrelease.engines.embedded.engine import EmbeddedEngine
from flagrelease.errors import SmokeError, ToolError
from flagrelease.oci.unpack import unpack_layers
from flagrelease.ports import ImageEngine, ServeRequest
from tests.dockerd import BUSYBOX, Dockerd
from tests.embedded.assemble_inputs import a_context, a_link, a_member
from tests.engine_docker.conftest import environment, ignore

pytestmark = pytest.mark.slow

SERVE = """#!/bin/sh
echo starting "$@"
[ "$5" = --ends ] && { echo cannot load the model; exit 3; }
env >/tmp/environment
httpd -f -p "$2:$4" -h /www &
trap 'kill $!; exit 0' TERM
wait
"""
LOOK = """#!/bin/sh
touch /opt/x 2>/dev/null && echo the root can be written
touch /weights/w 2>/dev/null && echo the weights can be written
touch /tmp/x || echo nothing can be written below tmp
grep CapEff /proc/self/status
grep NoNewPrivs /proc/self/status
cat /weights/w
exit 7
"""


def context(store: FileStore, **more: object) -> BuildContext:
    """A bundle of one program without libraries, a server in shell, and weights."""
    names = ("cat", "env", "grep", "httpd", "kill", "sh", "sleep", "touch")
    made = a_context(
        store,
        debs={
            "busybox": [
                a_member("bin/busybox", BUSYBOX.read_bytes(), mode=0o755),
                *(a_link(f"bin/{name}", "busybox") for name in names),
                a_member("www/"),
                a_member("www/health", b"ok"),
            ]
        },
        wheels={"thing": {"thing.py": b"x = 1\n", "bin/tool": b"#!/bin/sh\n"}},
        files={"/opt/serve": SERVE.encode(), "/opt/look": LOOK.encode(), "/etc/a b$c": b"odd\n"},
        weights={"/weights/w": b"weights\n", "/weights/of/it": b"\0" * 5000},
    )
    files = tuple(file.model_copy(update={"mode": 0o755}) for file in made.files)
    return made.model_copy(
        update={
            "files": files,
            "env": {"PATH": "/bin", "A": "b c", "ODD": "\"$PATH\" \\ `id` $(id) 'x' #", "EMPTY": ""},
            "entrypoint": ("/bin/sh", "/opt/serve"),
            "labels": {"org.example.a": 'quoted "so" $HOME \\n', "b": "c"},
            **more,
        }
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "store"


def docker_engine(dockerd: Dockerd, home: Path, tmp_path: Path) -> tuple[DockerEngine, DockerImageEngine]:
    store = FileStore(home)
    engine = DockerEngine(store, environment(dockerd, tmp_path, "built-in"))
    return engine, DockerImageEngine(store, home, engine)


@pytest.fixture(params=["embedded", "docker"])
def images(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[ImageEngine]:
    if request.param == "embedded":
        yield EmbeddedEngine(FileStore(home), home)
        return
    engine, found = docker_engine(request.getfixturevalue("clean"), home, tmp_path)
    with closing(engine):
        yield found


@pytest.fixture
def image(images: ImageEngine, store: FileStore) -> Image:
    return images.build(context(store), ignore)


def request(images: ImageEngine, tmp_path: Path, *arguments: str) -> ServeRequest:
    return ServeRequest(port=images.free_port(), arguments=arguments, log=tmp_path / "server.log")


def test_it_says_whether_it_can_run_an_architecture(images: ImageEngine) -> None:
    images.check("amd64")
    with pytest.raises(ToolError, match="arm64"):
        images.check("arm64")


def test_equal_contexts_give_equal_digests(images: ImageEngine, image: Image, store: FileStore) -> None:
    time.sleep(1.1)  # what is dated by the time of the build is dated otherwise now
    assert images.build(context(store), ignore) == image
    assert images.build(context(store, env={"A": "x"}), ignore).digest != image.digest


def test_a_server_is_started_at_its_address_and_leaves_nothing(
    images: ImageEngine, image: Image, tmp_path: Path
) -> None:
    asked = request(images, tmp_path, "--more")
    with images.serve(image, asked) as server:
        assert server.base_url == f"http://127.0.0.1:{asked.port}"
        assert server.wait_until_healthy(30) > 0
        words, variables = server.started_as()
        assert list(words[:2]) == ["/bin/sh", "/opt/serve"]
        assert words[-1] == "--more"
        assert variables["A"] == "b c"
        assert server.pid in server.processes()
        assert len(server.processes()) == 2
        assert server.memory() > 1 << 16
        assert server.alive()
        assert server.stop(10) == 0
        assert (server.alive(), list(server.processes()), server.memory()) == (False, [], 0)
    lines = asked.log.read_text().splitlines()
    assert lines[0].startswith("$ /bin/sh /opt/serve --host ")
    assert any(line.startswith("starting --host") for line in lines)


def test_a_server_is_reached_on_loopback_only(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    asked = request(images, tmp_path)
    with images.serve(image, asked) as server:
        server.wait_until_healthy(30)
        connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        ours = f":{asked.port:04X}"
        listening = {words[1] for words in connections if words[3] == "0A" and words[1].endswith(ours)}
        assert listening == {f"0100007F{ours}"}


def test_variables_are_set_over_the_images_own_and_taken_out(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    asked = replace(request(images, tmp_path), env={"MORE": "m", "A": "other"}, without=frozenset({"EMPTY", "NONE"}))
    with images.serve(image, asked) as server:
        server.wait_until_healthy(30)
        variables = server.started_as()[1]
    assert (variables["MORE"], variables["A"]) == ("m", "other")
    assert variables["ODD"] == "\"$PATH\" \\ `id` $(id) 'x' #"
    assert not {"EMPTY", "NONE"} & variables.keys()


def test_a_server_that_ends_early_is_told_with_the_end_of_its_log(
    images: ImageEngine, image: Image, tmp_path: Path
) -> None:
    with (
        pytest.raises(SmokeError, match=r"ended by itself after .* s\n(.|\n)*cannot load the model"),
        images.serve(image, request(images, tmp_path, "--ends")) as server,
    ):
        server.wait_until_healthy(30)


def test_a_taken_port_is_told(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked = replace(request(images, tmp_path), port=taken.getsockname()[1])
        with pytest.raises(ToolError, match="is taken by"), images.serve(image, asked):
            pass


def test_a_program_runs_without_rights_over_a_root_and_weights_that_it_cannot_change(
    images: ImageEngine, image: Image, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert images.run(image, ["/bin/sh", "/opt/look"], log=log, timeout_s=30) == 7
    assert log.read_text().splitlines() == [
        "$ /bin/sh /opt/look",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "weights",
    ]


def test_a_program_that_is_not_there_is_told(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="the image cannot start /no/such"):
        images.run(image, ["/no/such"], log=tmp_path / "log", timeout_s=30)


def test_a_program_that_takes_too_long_is_ended(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="did not end within 1 s"):
        images.run(image, ["/bin/sleep", "99"], log=tmp_path / "log", timeout_s=1)


def test_leaving_the_block_by_an_error_ends_the_server(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    asked = request(images, tmp_path)

    def serve_and_fail() -> None:
        with images.serve(image, asked) as server:
            server.wait_until_healthy(30)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve_and_fail()
    with socket.create_server(("127.0.0.1", asked.port)):
        pass


# The two beside each other ------------------------------------------------------------------------


def test_both_engines_put_the_same_files_into_an_image(
    clean: Dockerd, home: Path, tmp_path: Path, store: FileStore
) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    made = context(store)
    with closing(engine):
        trees = []
        both: tuple[ImageEngine, ...] = (EmbeddedEngine(store, home), docker)
        for number, one in enumerate(both):
            built = one.build(made, ignore)
            unpack_layers([store.path(layer.digest) for layer in built.layers], tmp_path / str(number))
            trees.append(tree(tmp_path / str(number)))
    assert trees[0] == trees[1]
    assert "opt/serve" in trees[0]
    assert "weights/w" in trees[1]


def tree(folder: Path) -> dict[str, object]:
    """Every path with its kind, mode, content and target."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        mode = oct(path.lstat().st_mode)
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (mode, content)
    return found


def test_an_image_of_one_engine_runs_in_the_other(clean: Dockerd, home: Path, tmp_path: Path, store: FileStore) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    embedded = EmbeddedEngine(store, home)
    with closing(engine):
        pairs: tuple[tuple[ImageEngine, ImageEngine], ...] = ((embedded, docker), (docker, embedded))
        for builder, runner in pairs:
            image = builder.build(context(store), ignore)
            assert runner.run(image, ["/bin/sh", "/opt/look"], log=tmp_path / "log", timeout_s=30) == 7


def test_the_weights_are_not_given_to_the_engine(clean: Dockerd, home: Path, tmp_path: Path, store: FileStore) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    heavy = context(store)
    with closing(engine):
        image = docker.build(heavy, ignore)
        docker.run(image, ["/bin/sh", "/opt/look"], log=tmp_path / "log", timeout_s=30)
        tag = f"flagrelease:{image.digest.removeprefix('sha256:')}"
        found = engine.image(tag)
        assert found is not None
        container = clean.call("create", tag).strip()
        exported = subprocess.run(
            ["/usr/bin/docker", "export", container], env=clean.environment(), capture_output=True, check=True
        )
        clean.call("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported.stdout)) as archive:
        names = archive.getnames()
    assert "opt/serve" in names
    assert not [name for name in names if name.startswith("weights/of")]


def test_an_engine_that_has_another_image_under_our_tag_is_given_ours(
    clean: Dockerd, home: Path, tmp_path: Path, store: FileStore
) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    with closing(engine):
        image = docker.build(context(store), ignore)
        clean.call("tag", "fr-base:1", f"flagrelease:{image.digest.removeprefix('sha256:')}")
        assert docker.run(image, ["/bin/sh", "/opt/look"], log=tmp_path / "log", timeout_s=30) == 7


KILLED = """
import os, sys, time
from pathlib import Path
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.engines.docker.images import DockerImageEngine
from flagrelease.ports import ServeRequest
home = Path(sys.argv[1])
store = FileStore(home)
images = DockerImageEngine(store, home, DockerEngine(store, dict(os.environ)))
image = Image.model_validate_json(sys.argv[2])
with images.serve(image, ServeRequest(port=images.free_port(), log=home / "log")) as server:
    server.wait_until_healthy(30)
    print(server.pid, flush=True)
    time.sleep(99)
"""


def test_a_container_is_gone_when_whoever_started_it_is_killed(
    clean: Dockerd, home: Path, tmp_path: Path, store: FileStore
) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    with closing(engine):
        image = docker.build(context(store), ignore)
    argv = [sys.executable, "-c", KILLED, str(home), image.model_dump_json()]
    with subprocess.Popen(argv, env=clean.environment(PYTHONPATH="."), stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        pid = int(serving.stdout.readline())
        serving.kill()
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() and not clean.left()["containers"]:
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_container_has_no_more_than_it_needs(clean: Dockerd, home: Path, tmp_path: Path, store: FileStore) -> None:
    engine, docker = docker_engine(clean, home, tmp_path)
    with closing(engine):
        image = docker.build(context(store), ignore)
        with docker.serve(image, request(docker, tmp_path)) as server:
            server.wait_until_healthy(30)
            found = engine.sdk.container(clean.left()["containers"][0])
    assert found is not None
    host = found["HostConfig"]
    assert (host["Privileged"], host["CapDrop"], host["CapAdd"], host["PidMode"]) == (False, ["ALL"], None, "")
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["ReadonlyRootfs"]
    assert host["NetworkMode"] != "host"
    assert [mount["RW"] for mount in found["Mounts"]] == [False, False]
    assert {binding["HostIp"] for each in host["PortBindings"].values() for binding in each} == {"127.0.0.1"}


def test_the_health_of_a_server_is_asked_over_its_address(images: ImageEngine, image: Image, tmp_path: Path) -> None:
    with images.serve(image, request(images, tmp_path)) as server:
        server.wait_until_healthy(30)
        assert ServingClient(server.base_url, timeout_s=5).get("/health").body == b"ok"
