"""A run in a temporary folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.pipeline import Run
from flagrelease.report.journal import Journal
from tests.pipeline.bench import Bench, OnlyAStore, Seen


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    journals: list[Journal] = []

    def make(code: str = "code", until: str | None = None) -> Bench:
        seen = Seen()
        folder = tmp_path / "out"
        journal = Journal(folder / "events.jsonl", seen)
        journals.append(journal)
        store = FileStore(tmp_path / "home")
        tools = OnlyAStore(store, journal)
        return Bench(Run(folder=folder, tools=tools, journal=journal, code=code, until=until), seen, store, folder)

    yield make
    for journal in journals:
        with journal:
            pass
