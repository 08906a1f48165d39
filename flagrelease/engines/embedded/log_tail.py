"""The end of a log, for a message."""

from pathlib import Path

_TAIL_LINES = 12
_TAIL_BYTES = 1 << 16


def tail_of(log: Path) -> str:
    """The last lines of a log, each on a line of its own, without control characters; empty when there are none."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    lines = ["".join(c if c.isprintable() else " " for c in line)[:300] for line in text.splitlines()]
    return "".join(f"\n  {line}" for line in lines[-_TAIL_LINES:])
