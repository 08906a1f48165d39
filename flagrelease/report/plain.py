"""Shows events as plain lines: for CI, pipes and logs."""

from typing import TextIO

from flagrelease.domain.run import Event
from flagrelease.report.words import amount, duration, short
from flagrelease.stages import ORDER

_HEARTBEAT_S = 30.0


class PlainDisplay:
    """One line when a stage starts, one when it ends, and a heartbeat every half minute in between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = 0.0

    def show(self, event: Event) -> None:
        """Print the event's line, if it has one now."""
        line = self._line(event)
        if line:
            self._last = event.time
            self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is held back."""

    def _line(self, event: Event) -> str:
        where = f"[{ORDER.index(event.stage) + 1}/{len(ORDER)}] {event.stage}" if event.stage in ORDER else event.stage
        if event.kind == "progress" and event.time - self._last < _HEARTBEAT_S:
            return ""
        words = {
            "started": "started",
            "finished": f"done in {duration(event.seconds)}",
            "skipped": f"nothing to do: {event.text}",
            "reused": f"nothing to do: {event.text}" if event.text else "up to date",
            "failed": f"failed after {duration(event.seconds)}",
            "said": event.text,
            "progress": amount(event),
        }[event.kind]
        return short(f"{where}: {words}" if where else words)
