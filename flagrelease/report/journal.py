"""What happens while stages run: every event into `events.jsonl`, and to whoever shows it to people."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from flagrelease.domain.run import Event

_PROGRESS_EVERY_S = 1.0


class Display(Protocol):
    """Shows events to people, on stderr."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """No more events will come."""


class Journal:
    """Fulfils ports.Events for the stage that is running, and tells when stages start and end."""

    def __init__(self, path: Path, display: Display, *, now: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._display = display
        self._now = now
        self._stage = ""
        self._last_progress = 0.0

    def __enter__(self) -> Self:
        """Open as long as the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file and the display."""
        self._display.close()
        self._file.close()

    def said(self, text: str) -> None:
        """One line for people."""
        self._emit(Event(kind="said", time=self._now(), stage=self._stage, text=text))

    def progress(self, done: int, total: int, unit: str) -> None:
        """How far the running stage is. The file keeps one line a second; a display sees all of them."""
        now = self._now()
        event = Event(
            kind="progress",
            time=now,
            stage=self._stage,
            done=done,
            total=total,
            unit="bytes" if unit == "bytes" else "items",
        )
        self._display.show(event)
        if now - self._last_progress >= _PROGRESS_EVERY_S:
            self._last_progress = now
            self._write(event)

    def started(self, stage: str) -> None:
        """A stage begins."""
        self._stage = stage
        self._emit(Event(kind="started", time=self._now(), stage=stage))

    def reused(self, stage: str, *, why: str = "") -> None:
        """A stage's value of an earlier run is used; `why` is set when it had nothing to do then."""
        self._emit(Event(kind="reused", time=self._now(), stage=stage, text=why))

    def finished(self, stage: str, seconds: float, *, skipped: str = "") -> None:
        """A stage is done, or had nothing to do."""
        event = Event(kind="finished", time=self._now(), stage=stage, seconds=seconds, text=skipped)
        self._emit(event.model_copy(update={"kind": "skipped"}) if skipped else event)

    def failed(self, stage: str, seconds: float, text: str) -> None:
        """A stage ended with an error."""
        self._emit(Event(kind="failed", time=self._now(), stage=stage, seconds=seconds, text=text))

    def _emit(self, event: Event) -> None:
        self._write(event)
        self._display.show(event)

    def _write(self, event: Event) -> None:
        self._file.write(event.model_dump_json(exclude_defaults=True) + "\n")
