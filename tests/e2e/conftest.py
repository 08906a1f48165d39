"""One store for all end-to-end tests, so that what they build is downloaded once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.project import ROOT, Project, make_project
from tests.publish.docker_registry import docker_registry


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard() -> None:
    """A shell starts its background jobs deaf to Ctrl+C, and programs that they start inherit it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_home() -> Path:
    home = ROOT / ".cache" / "e2e"
    home.mkdir(parents=True, exist_ok=True)
    return home


@pytest.fixture(scope="module")
def built(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A bundle of few items, built to its verdict."""
    project = make_project(tmp_path_factory.mktemp("built"), shared_home)
    done = project.call("build")
    assert done.returncode in {0, 11}, done.stderr
    return project


@pytest.fixture
def project(shared_home: Path, tmp_path: Path) -> Project:
    """A project with nothing built yet."""
    return make_project(tmp_path / "project", shared_home)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a registry of our own."""
    with docker_registry(tmp_path_factory.mktemp("registry") / "data") as found:
        yield found.address
