"""A place to try stand-ins in, and what makes them."""

from pathlib import Path

import pytest

from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from tests.stand_ins.making import Place, making


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


@pytest.fixture
def stand_ins(tmp_path: Path) -> HostStandIns:
    return making(tmp_path / "home")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One for a file of tests: a Python takes seconds to make."""
    return Place(tmp_path_factory.mktemp("place"))


@pytest.fixture
def calls(place: Place) -> Place:
    """The same, with nothing written down yet."""
    place.calls_file.unlink(missing_ok=True)
    return place
