import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.download import Downloader, Retry
from flagrelease.adapters.supply.web import Web
from tests.supply.server import FaultyServer, File


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer().running() as running:
        yield running


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web(timeout_s=(2.0, 2.0), pause_s=0.01)
    yield web
    web.close()


@pytest.fixture
def downloader(store: FileStore, web: Web) -> Downloader:
    return Downloader(store, web, retry=Retry(attempts=4, first_s=0.01, longest_s=0.05))


@pytest.fixture
def big() -> bytes:
    """Three million bytes that do not compress and do not repeat."""
    return random.Random(1).randbytes(3_000_000)


@pytest.fixture
def file(server: FaultyServer, big: bytes) -> File:
    """`big` at `/file`, with an entity tag."""
    served = server.files["/file"] = File(content=big, etag='"v1"')
    return served
