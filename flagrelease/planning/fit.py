"""Whether a machine has what a bundle needs, said before anything is downloaded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from flagrelease.domain.chip import Architecture
from flagrelease.domain.host import FoundChip, Host
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.vendor_version import at_least

Standing = Literal["ok", "missing", "unknown", "advice"]

_IMAGE_FACTOR = 3
"""Downloads, the image's layers and the unpacked image lie on the disk at once."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One thing a bundle needs: how it stands, what was wanted and found, and what can be done."""

    standing: Standing
    name: str
    text: str
    hint: str = ""


def fit(recipe: Recipe, host: Host, *, bytes_to_fetch: int, is_free: Callable[[int], bool]) -> tuple[Fit, ...]:
    """Every finding on one bundle and one machine, most basic first."""
    found = next((one for one in host.chips if one.chip == recipe.chip.name), None)
    return (
        processor(recipe.architecture, host.architecture, host.machine),
        *_chip(recipe, found),
        *_driver(recipe, found),
        *_devices(recipe, found),
        *_memory(recipe),
        _engine(recipe, host),
        _disk(host, bytes_to_fetch),
        *_port(recipe, is_free),
        *_advice(recipe, found),
    )


def processor(wanted: Architecture, found: Architecture | None, machine: str) -> Fit:
    """Whether the machine's architecture is the one that is wanted; `machine` is what uname(2) calls it."""
    text = f"wanted {wanted}, found {found or machine}"
    if found == wanted:
        return Fit(standing="ok", name="processor", text=text)
    return Fit(standing="missing", name="processor", text=text, hint="run it on a machine of that architecture")


def _chip(recipe: Recipe, found: FoundChip | None) -> Iterator[Fit]:
    smi = recipe.chip.smi
    if smi is None:
        return
    if found is None:
        text = f"wanted {recipe.chip.title}, found no `{smi.command[0]}` on this machine"
        yield Fit(standing="missing", name="chip", text=text, hint=f"run it where {recipe.chip.title} is")
    elif not found.answers:
        text = f"`{found.program}` is there and failed: {found.said}"
        yield Fit(standing="missing", name="chip", text=text, hint="mend the driver's installation")
    else:
        yield Fit(standing="ok", name="chip", text=f"`{found.program}` answers")


def _driver(recipe: Recipe, found: FoundChip | None) -> Iterator[Fit]:
    wanted = recipe.sdk.driver
    if wanted is None or found is None or not found.answers:
        return
    bounds = [f"at least {wanted.min}" if wanted.min else "", f"at most {wanted.max}" if wanted.max else ""]
    range_ = " and ".join(bound for bound in bounds if bound) or f"one of {', '.join(wanted.tested) or 'any'}"
    if found.driver is None:
        yield Fit(
            standing="unknown", name="driver", text=f"wanted {range_}; `{found.program}` does not say which it is"
        )
        return
    text = f"wanted {range_}, found {found.driver}"
    if wanted.min and not at_least(found.driver, wanted.min):
        yield Fit(standing="missing", name="driver", text=text, hint="install a newer driver")
    elif wanted.max and not at_least(wanted.max, found.driver):
        yield Fit(standing="missing", name="driver", text=text, hint="install an older driver, or take a newer SDK")
    elif wanted.tested and found.driver not in wanted.tested:
        tested = f"{text}: untested; tested are {', '.join(wanted.tested)}"
        yield Fit(standing="unknown", name="driver", text=tested)
    else:
        yield Fit(standing="ok", name="driver", text=text)


def _devices(recipe: Recipe, found: FoundChip | None) -> Iterator[Fit]:
    wanted = recipe.variant.parallel.world_size
    if recipe.chip.smi is None or found is None:
        return
    text = f"wanted {wanted}, found {found.devices} device nodes"
    if found.devices >= wanted:
        yield Fit(standing="ok", name="devices", text=text)
    elif found.devices == 0:
        yield Fit(standing="unknown", name="devices", text=f"wanted {wanted}; the chip's nodes cannot be counted here")
    else:
        yield Fit(standing="missing", name="devices", text=text, hint="use fewer devices, or a machine with more")


def _memory(recipe: Recipe) -> Iterator[Fit]:
    size = recipe.weights.size_gb
    sizes = [
        gb / part.dies_per_card
        for name, part in recipe.chip.hardware.items()
        if not recipe.variant.hardware or name in recipe.variant.hardware
        for gb in part.memory_gb
    ]
    if size is None or not sizes:
        return
    needed = size / recipe.variant.parallel.world_size
    text = f"weights take {needed:.1f} GB a device; devices of this chip have {', '.join(f'{gb:g}' for gb in sizes)} GB"
    if needed < min(sizes):
        yield Fit(standing="ok", name="device memory", text=text)
    elif needed < max(sizes):
        yield Fit(standing="unknown", name="device memory", text=f"{text}: only the larger ones will do")
    else:
        yield Fit(standing="missing", name="device memory", text=text, hint="spread it over more devices")


def _engine(recipe: Recipe, host: Host) -> Fit:
    if recipe.is_assembled:
        return Fit(standing="ok", name="engine", text="the embedded engine builds and runs it, without a daemon")
    answering = [f"{one.name} {one.said}" for one in host.engines if one.answers]
    if answering:
        return Fit(standing="ok", name="engine", text=f"it needs an image engine; {', '.join(answering)} answers")
    there = ", ".join(f"{one.name}: {one.said}" for one in host.engines) or "none"
    text = f"it needs an image engine that answers, found {there}"
    return Fit(standing="missing", name="engine", text=text, hint="start docker, or set DOCKER_HOST to an engine")


def _disk(host: Host, bytes_to_fetch: int) -> Fit:
    wanted = _IMAGE_FACTOR * bytes_to_fetch
    text = f"wanted about {wanted / 1e9:.1f} GB, found {host.disk_free_bytes / 1e9:.1f} GB free in `{host.disk_folder}`"
    if host.disk_free_bytes >= wanted:
        return Fit(standing="ok", name="disk", text=text)
    return Fit(standing="missing", name="disk", text=text, hint="make room, or move the store with FLAGRELEASE_HOME")


def _port(recipe: Recipe, is_free: Callable[[int], bool]) -> Iterator[Fit]:
    if recipe.variant.serving is None:
        return
    port = recipe.variant.serving.port
    if is_free(port):
        yield Fit(standing="ok", name="port", text=f"{port} is free")
    else:
        text = f"{port} is taken"
        yield Fit(
            standing="missing", name="port", text=text, hint="end what listens there, or choose another with --port"
        )


def _advice(recipe: Recipe, found: FoundChip | None) -> Iterator[Fit]:
    """What the vendor advises for the machine itself: said, never done. The order differs once a driver is there."""
    host = recipe.chip.host
    if host is None:
        return
    steps, when = (host.upgrade, "upgrade") if found and found.answers else (host.first_install, "first install")
    for number, line in enumerate(steps, start=1):
        yield Fit(standing="advice", name=f"{when}, step {number}", text=line)
    for line in host.advice:
        yield Fit(standing="advice", name="host", text=line)
