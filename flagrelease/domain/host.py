"""A machine as it was found: what `doctor` compares with what a bundle needs."""

from flagrelease.domain.chip import Architecture
from flagrelease.domain.value import Name, Value


class FoundEngine(Value):
    """A container engine's program, whether its engine answers, and the last line it said."""

    name: Name
    answers: bool
    said: str


class FoundChip(Value):
    """A chip whose own program is there; `driver` where its output shows one; `devices` are nodes below /dev."""

    chip: Name
    program: str
    answers: bool
    said: str
    driver: str | None = None
    devices: int = 0


class Host(Value):
    """One machine; sizes in bytes."""

    machine: str
    architecture: Architecture | None
    cores: int
    memory_bytes: int
    disk_folder: str
    disk_free_bytes: int
    engines: tuple[FoundEngine, ...] = ()
    chips: tuple[FoundChip, ...] = ()
