"""Numbers as people read them."""

from flagrelease.domain.run import Event

_MINUTE_S = 60
_STEP = 1000.0
_LINE = 200


def duration(seconds: float) -> str:
    """`0.4 s`, `12.3 s`, `2 min 05 s`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes} min {rest:02d} s"


def size(count: int) -> str:
    """Bytes in decimal units, as disks and registries count them: `98.4 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _STEP:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} TB"


def amount(event: Event) -> str:
    """How far a stage is: `12.0 MB of 98.4 MB`, `120 of 400 items`."""
    if event.unit == "bytes":
        return f"{size(event.done)} of {size(event.total)}" if event.total else size(event.done)
    return f"{event.done} of {event.total} items" if event.total else f"{event.done} items"


def short(text: str) -> str:
    """One line of at most 200 characters without control characters, which could steer a terminal."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return printable if len(printable) <= _LINE else printable[: _LINE - 1] + "…"
