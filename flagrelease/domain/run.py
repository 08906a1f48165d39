"""What happened while stages ran: the events a person or a program follows."""

from typing import Literal

from pydantic import Field

from flagrelease.domain.value import Value


class Event(Value):
    """One line of `events.jsonl`. `time` is seconds since the epoch.

    `progress` carries `done` and `total` in `unit`; `total` 0 means unknown. `said` is one line for people.
    """

    kind: Literal["started", "reused", "finished", "skipped", "failed", "progress", "said"]
    time: float
    stage: str = ""
    text: str = ""
    seconds: float = Field(default=0.0, ge=0)
    done: int = 0
    total: int = 0
    unit: Literal["bytes", "items", ""] = ""
