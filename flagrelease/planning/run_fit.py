"""Whether a machine can run an image: every fault at once, before anything is fetched."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from flagrelease.domain.chip import Architecture
from flagrelease.domain.run_spec import RunSpec
from flagrelease.domain.vendor_version import at_least
from flagrelease.planning.fit import Fit, processor
from flagrelease.report.words import size


@dataclass(frozen=True, kw_only=True)
class RunHost:
    """What was looked at for one image. Sizes in bytes; `listing` is what its listing program said, if it has one."""

    machine: str
    architecture: Architecture | None
    memory: int
    room: int
    room_at: str
    missing_devices: tuple[str, ...] = ()
    missing_mounts: tuple[str, ...] = ()
    program: str | None = None
    answers: bool = False
    said: str = ""
    driver: str | None = None
    port_taken: str = ""
    engine: tuple[str, str] = field(default=("", ""))


def run_fit(spec: RunSpec, host: RunHost, *, to_fetch: int) -> tuple[Fit, ...]:
    """Every finding, most basic first; `to_fetch` is in bytes."""
    return (
        processor(spec.architecture, host.architecture, host.machine),
        *_program(spec, host),
        *_driver(spec, host),
        *_nodes(host),
        *_memory(spec, host),
        _room(host, to_fetch),
        *_port(spec, host),
        *_engine(host),
    )


def _program(spec: RunSpec, host: RunHost) -> Iterator[Fit]:
    listing = spec.host.listing
    if listing is None:
        return
    if host.program is None:
        text = f"wanted {spec.chip_title}, found no `{listing.program}` on this machine"
        yield Fit(standing="missing", name="chip", text=text, hint=f"run it where {spec.chip_title} is")
    elif not host.answers:
        text = f"`{host.program}` is there and failed: {host.said}"
        yield Fit(standing="missing", name="chip", text=text, hint="mend the driver's installation")
    else:
        yield Fit(standing="ok", name="chip", text=f"`{host.program}` answers")


def _driver(spec: RunSpec, host: RunHost) -> Iterator[Fit]:
    needs = spec.host
    if not host.answers or not (needs.driver_min or needs.driver_max or needs.driver_tested):
        return
    bounds = [f"at least {needs.driver_min}" if needs.driver_min else ""]
    bounds.append(f"at most {needs.driver_max}" if needs.driver_max else "")
    wanted = " and ".join(filter(None, bounds)) or f"one of {', '.join(needs.driver_tested)}"
    if host.driver is None:
        text = f"wanted {wanted}; `{host.program}` does not say which it is"
        yield Fit(standing="unknown", name="driver", text=text)
        return
    text = f"wanted {wanted}, found {host.driver}"
    if needs.driver_min and not at_least(host.driver, needs.driver_min):
        yield Fit(standing="missing", name="driver", text=text, hint="install a newer driver")
    elif needs.driver_max and not at_least(needs.driver_max, host.driver):
        yield Fit(standing="missing", name="driver", text=text, hint="install an older driver, or take a newer image")
    elif needs.driver_tested and host.driver not in needs.driver_tested:
        tested = f"{text}: untested; tested are {', '.join(needs.driver_tested)}"
        yield Fit(standing="unknown", name="driver", text=tested)
    else:
        yield Fit(standing="ok", name="driver", text=text)


def _nodes(host: RunHost) -> Iterator[Fit]:
    if host.missing_devices:
        text = f"wanted the nodes {', '.join(host.missing_devices)}, found none of that name"
        yield Fit(standing="missing", name="devices", text=text, hint="load the driver, or use a machine with more")
    if host.missing_mounts:
        text = f"wanted {', '.join(host.missing_mounts)} of this machine, found nothing there"
        yield Fit(standing="missing", name="mounts", text=text, hint="install the driver's own files")


def _memory(spec: RunSpec, host: RunHost) -> Iterator[Fit]:
    if spec.host.listing is not None:
        if spec.host.device_memory_gb:
            text = f"weights take {spec.host.device_memory_gb:.1f} GB of each of {spec.devices.per_node} devices"
            yield Fit(standing="unknown", name="device memory", text=text)
        return
    text = f"wanted more than the {size(spec.weights.size)} of the weights, found {size(host.memory)}"
    enough = host.memory > spec.weights.size
    hint = "" if enough else "run it on a machine with more memory"
    yield Fit(standing="ok" if enough else "missing", name="memory", text=text, hint=hint)


def _room(host: RunHost, to_fetch: int) -> Fit:
    # An image lies in the store and unpacked.
    wanted = 2 * to_fetch
    text = f"wanted {size(wanted)}, found {size(host.room)} free in `{host.room_at}`"
    if host.room >= wanted:
        return Fit(standing="ok", name="disk", text=text)
    return Fit(standing="missing", name="disk", text=text, hint="make room, or move the store with FLAGRELEASE_HOME")


def _port(spec: RunSpec, host: RunHost) -> Iterator[Fit]:
    if spec.serving is None:
        return
    if host.port_taken:
        yield Fit(standing="missing", name="port", text=host.port_taken, hint="choose another with --port")
    else:
        yield Fit(standing="ok", name="port", text="it is free")


def _engine(host: RunHost) -> Iterator[Fit]:
    text, hint = host.engine
    if text:
        yield Fit(standing="missing", name="engine", text=text, hint=hint)
