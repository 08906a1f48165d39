"""A vendor's base image, an engine, and a project between them."""

import shutil
from pathlib import Path

import pytest

from tests.dockerd import Dockerd
from tests.stand_ins.making import KEPT, making
from tests.with_engine.project import VendorProject, vendor_project


@pytest.fixture(scope="session")
def vendor_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image as a vendor hands it out: an archive of `docker save`."""
    stand_ins, store = making(KEPT, offline=False)
    digest = stand_ins.base("zhiyuan_vllm:v0.2", "amd64")
    place = tmp_path_factory.mktemp("vendor") / "zhiyuan_vllm-v0.2.tar"
    shutil.copy(store.path(digest), place)
    return place


@pytest.fixture
def vendor(tmp_path: Path) -> VendorProject:
    """A project without an engine."""
    return vendor_project(tmp_path / "project", tmp_path / "home", {"DOCKER_HOST": "unix:///nonexistent/docker.sock"})


@pytest.fixture
def with_engine(tmp_path: Path, dockerd: Dockerd) -> VendorProject:
    """A project with one."""
    return vendor_project(tmp_path / "project", tmp_path / "home", dockerd.environment())
