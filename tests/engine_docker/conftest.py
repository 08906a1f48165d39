"""The tests' engine with a base image, driven by both of the builders that there are."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.engine_ports import BuildRequest
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.ports import Store
from tests.dockerd import Dockerd, a_base

BUILDX = Path(__file__).parents[2] / ".cache" / "buildx" / "docker-buildx"
BASE = "fr-base:1"


@dataclass
class Steps:
    """What a progress was told."""

    told: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))


@pytest.fixture(scope="session")
def with_base(dockerd: Dockerd) -> Dockerd:
    dockerd.call("import", "-", BASE, stdin=a_base())
    return dockerd


@pytest.fixture
def clean(with_base: Dockerd) -> Iterator[Dockerd]:
    """The engine; whatever a test left in it fails the test."""
    for tag in ("fr-made:1", "flagrelease-failed"):
        if with_base.call("images", "--quiet", tag):
            with_base.call("rmi", tag)
    yield with_base
    assert with_base.left() == {"containers": [], "networks": [], "volumes": []}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


def environment(dockerd: Dockerd, tmp_path: Path, builder: str) -> dict[str, str]:
    """Variables with which one builder is found: `built-in` or `buildx`."""
    config = tmp_path / "docker"
    if builder == "buildx":
        if not BUILDX.exists():
            pytest.skip("docker-buildx is missing: `make .cache/buildx` could not unpack Debian's")
        (config / "cli-plugins").mkdir(parents=True)
        (config / "cli-plugins" / "docker-buildx").symlink_to(BUILDX)
    return dockerd.environment(DOCKER_CONFIG=str(config), HOME=str(tmp_path))


@pytest.fixture(params=["built-in", "buildx"])
def engine(clean: Dockerd, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DockerEngine]:
    with closing(DockerEngine(store, environment(clean, tmp_path, request.param))) as found:
        yield found


@pytest.fixture
def any_engine(clean: Dockerd, store: Store, tmp_path: Path) -> Iterator[DockerEngine]:
    """For what no builder has a part in."""
    with closing(DockerEngine(store, environment(clean, tmp_path, "built-in"))) as found:
        yield found


MakeRequest = Callable[..., BuildRequest]


@pytest.fixture
def request_for(tmp_path: Path) -> MakeRequest:
    """A build of this Dockerfile; files by their path in the build's folder."""

    def make(dockerfile: str, *, files: dict[str, str] | None = None, **more: object) -> BuildRequest:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        for path, content in {"Dockerfile": dockerfile, **(files or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        asked: dict[str, object] = {
            "target": "bundle",
            "architecture": "amd64",
            "log": tmp_path / "build.log",
            "tag": "fr-made:1",
            "timeout_s": 120.0,
        }
        asked |= more
        if asked.get("output"):
            asked["tag"] = None
        return BuildRequest(folder=folder, dockerfile=folder / "Dockerfile", **asked)  # type: ignore[arg-type]

    return make


def ignore(_done: int, _total: int) -> None:
    """Nobody follows."""
