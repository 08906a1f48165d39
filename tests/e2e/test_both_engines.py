"""The bundle of the chip cpu, built and run by both engines: the same files, the same smoke, the same verdict."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.oci.unpack import unpack_layers
from tests.dockerd import Dockerd
from tests.e2e.project import Project, make_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def by_docker(dockerd: Dockerd, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = make_project(tmp_path_factory.mktemp("by-docker"), shared_home)
    config = tmp_path_factory.mktemp("client")
    project.environment |= {"DOCKER_HOST": dockerd.host, "DOCKER_CONFIG": str(config)}
    done = project.call("build", "--engine", "docker")
    assert done.returncode in {0, 11}, done.stderr
    yield project
    assert dockerd.left() == {"containers": [], "networks": [], "volumes": []}


def image_of(project: Project) -> Image:
    return Image.model_validate_json(json.dumps(project.done("build")["value"]))


def files_of(project: Project, folder: Path) -> dict[str, tuple[str, str | bytes]]:
    """Every path of the image with its mode, and its content or target."""
    store = FileStore(project.home)
    unpack_layers([store.path(layer.digest) for layer in image_of(project).layers], folder)
    try:
        found: dict[str, tuple[str, str | bytes]] = {}
        for path in folder.rglob("*"):
            content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
            found[str(path.relative_to(folder))] = (oct(path.lstat().st_mode), content)
        return found
    finally:
        shutil.rmtree(folder)


def test_both_engines_put_the_same_files_into_the_image(built: Project, by_docker: Project, tmp_path: Path) -> None:
    assert image_of(by_docker).digest != image_of(built).digest
    assert {layer.name for layer in image_of(by_docker).layers} == {"built", "weights"}
    ours, theirs = files_of(built, tmp_path / "embedded"), files_of(by_docker, tmp_path / "docker")
    assert ours.keys() == theirs.keys()
    assert [path for path, file in ours.items() if theirs[path] != file] == []
    assert len(ours) > 1000


def checks_of(project: Project) -> list[tuple[str, str]]:
    value: dict[str, Any] = project.done("smoke_serving")["value"]
    return [(check["id"], check["status"]) for check in value["checks"]]


def test_both_have_the_same_smoke_and_the_same_verdict(built: Project, by_docker: Project) -> None:
    assert checks_of(by_docker) == checks_of(built)
    ours, theirs = (p.done("evaluate")["value"]["verdict"] for p in (built, by_docker))
    assert (ours["decision"], ours["reasons"]) == (theirs["decision"], theirs["reasons"])


def test_a_second_build_asks_the_engine_nothing_and_does_nothing(by_docker: Project) -> None:
    done = by_docker.call("build")
    assert done.returncode in {0, 11}, done.stderr
    by_docker.environment |= {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    again = by_docker.call("build")
    assert (again.returncode, again.stdout) == (done.returncode, done.stdout)
