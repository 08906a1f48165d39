"""A run of the pipeline with the real store and the real journal, and a display that remembers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.run import Event
from flagrelease.pipeline import Run
from flagrelease.report.journal import Journal


class Seen:
    """A display that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def show(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    def kinds(self) -> list[tuple[str, str]]:
        return [(e.kind, e.stage) for e in self.events]


@dataclass
class OnlyAStore:
    """Tools for stages that need nothing but the store."""

    store: FileStore
    events: Journal

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"this test's stages use no {name}")


@dataclass
class Bench:
    run: Run
    seen: Seen
    store: FileStore
    folder: Path
