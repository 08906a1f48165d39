"""One container to start: the least that a bundle needs on a machine, whatever program starts it."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.container import Access, Container, Mount
from flagrelease.domain.run_spec import RunSpec, Word
from flagrelease.domain.value import Text, Value
from flagrelease.errors import RecipeError

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - in a container, where it faces the container's own network
LOOPBACK = "127.0.0.1"
Way = Literal["raw", "toolkit"]


class Note(Value):
    """What is wider than the least, or is left out of a published command, and why."""

    what: Text
    why: Text


class Start(Value):
    """One container. `ports` are the host's, on loopback, and the container's; `shm_gb` is in 2^30 bytes."""

    program: str = "docker"
    image: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x20\x7f]+$")]
    title: Text
    name: str | None = None
    user: str | None = None
    init: bool = True
    working_folder: str | None = None
    network: Literal["bridge", "host", "none"] = "bridge"
    host_pid: bool = False
    host_ipc: bool = False
    shm_gb: int | None = None
    ports: tuple[int, int] | None = None
    runtime: str | None = None
    gpus: str | None = None
    device_count: int = 1
    devices: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    privileged: bool = False
    ulimits: dict[str, int] = Field(default_factory=dict)
    tmpfs: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    entrypoint: tuple[Word, ...] = ()
    command: tuple[Word, ...] = ()
    notes: tuple[Note, ...] = ()


def start_of(
    spec: RunSpec,
    *,
    image: str,
    ours: bool,
    way: Way | None = None,
    native: bool = False,
    profiles: Iterable[str] = (),
    port: int | None = None,
    extra: Mapping[str, str] | None = None,
) -> Start:
    """The container of a bundle.

    Args:
        spec: The bundle.
        image: The image's name.
        ours: Whether the image is ours, so that its command is given whole. A vendor's keeps its own entry point.
        way: How devices are reached, where it is not as the bundle has it.
        native: With FlagOS switched off.
        profiles: Groups of variables by name, the later over the earlier.
        port: The port on this machine, where it is not the bundle's own.
        extra: Variables of this start alone, over all others.

    Raises RecipeError where it has no such way, profile or switches, or the port cannot be another.
    """
    access = access_of(spec, way)
    container = spec.container
    network = container.network if container.network != "bridge" else access.network
    env, without = env_of(spec, access, native=native, profiles=profiles)
    words = tuple(_words(spec, network, port))
    if without:
        # Docker unsets a variable only where this machine has none of that name, so a program in the image does it.
        words = ("env", *(part for name in without for part in ("-u", name)), *words)
    whole = ours or bool(without)
    mounts = (*access.mounts, *container.mounts, *_weights(spec))
    _refuse_colons(spec, (*access.tmpfs, *(place for one in mounts for place in (one.source, one.target or ""))))
    made = Start(
        program=access.program or "docker",
        image=image,
        title=f"{spec.bundle} {spec.revision}",
        working_folder=spec.working_folder,
        ports=_ports(spec, network, port),
        tmpfs=access.tmpfs,
        mounts=mounts,
        env=env | dict(extra or {}),
        entrypoint=words if whole else (),
        command=() if whole else words,
        notes=tuple(_notes(spec, access)),
    )
    return made.model_copy(update=_asked(spec.container) | _reach(spec, access) | {"network": network})


def _asked(container: Container) -> dict[str, object]:
    """What the bundle's own container asks for."""
    return {
        "name": container.name,
        "user": container.user,
        "init": container.init,
        "host_pid": container.pid == "host",
        "host_ipc": container.ipc == "host",
        "shm_gb": container.shm_gb,
        "ulimits": dict(container.ulimits),
    }


def _reach(spec: RunSpec, access: Access) -> dict[str, object]:
    """What reaches the devices, and the privileges that go with it."""
    container = spec.container
    return {
        "runtime": access.runtime,
        "gpus": access.gpus,
        "device_count": spec.devices.per_node,
        "devices": tuple(_devices(access, spec.devices.per_node)),
        "groups": access.groups,
        "security_options": (*access.security_options, *container.security_options),
        "capabilities": tuple(dict.fromkeys((*access.capabilities, *container.capabilities))),
        "privileged": access.privileged or container.privileged,
    }


def access_of(spec: RunSpec, way: Way | None = None) -> Access:
    """The way to the devices. Raises RecipeError where the chip has no such way."""
    wanted = way or spec.container.access
    chosen = spec.raw if wanted == "raw" else spec.toolkit
    if chosen is not None:
        return chosen
    there = [name for name, one in (("raw", spec.raw), ("toolkit", spec.toolkit)) if one]
    if not there and spec.host.listing is None:
        # A chip that is the machine's own processor has no devices to reach.
        return Access()
    raise RecipeError(
        f"chip `{spec.chip}` says nothing of the `{wanted}` way to its devices",
        hint=f"set the variant's `container.access` to {' or '.join(there)}" if there else "add it to the chip",
    )


def env_of(
    spec: RunSpec, access: Access, *, native: bool = False, profiles: Iterable[str] = ()
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables it runs with, and those that the image sets and that have to be unset.

    Raises:
        RecipeError: it has no such profile, or no switches.
    """
    env = {**_counted(access, spec.devices.per_node), **spec.container.env, **spec.env}
    env |= dict(spec.switches.on) if spec.switches else {}
    env |= spec.script_env
    for name in profiles:
        env |= _profile(spec, name)
    if not native:
        return env, ()
    if spec.switches is None:
        raise RecipeError(
            f"`{spec.bundle}` does not say how FlagOS is switched off",
            hint="give the variant a `reference` of kind switched_off, or leave --native out",
        )
    for name in spec.switches.on:
        env.pop(name, None)
    without = [name for name, value in spec.switches.off.items() if value is None and name in spec.env]
    for name, value in spec.switches.off.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env, tuple(without)


def _profile(spec: RunSpec, name: str) -> dict[str, str]:
    if name in spec.profiles:
        return spec.profiles[name].on
    near = get_close_matches(name, spec.profiles, n=3, cutoff=0.4)
    there = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(spec.profiles) or 'none'}"
    raise RecipeError(f"chip `{spec.chip}` has no profile `{name}` for {spec.engine}", hint=there)


def _counted(access: Access, count: int) -> dict[str, str]:
    """A toolkit is told which dies it may show. A recipe states the list for one; here it is as long as needed."""
    first = ",".join(map(str, range(count)))
    return {
        name: first if name.endswith("_VISIBLE_DEVICES") and value == "0" else value
        for name, value in access.env.items()
    }


def _words(spec: RunSpec, network: str, port: int | None) -> Iterator[str]:
    yield from spec.command
    if spec.serving and spec.serving.takes_address:
        outside = network == "host"
        yield from ("--host", LOOPBACK if outside else ANY_ADDRESS)
        yield from ("--port", str(port or spec.serving.port) if outside else str(spec.serving.port))


def _ports(spec: RunSpec, network: str, port: int | None) -> tuple[int, int] | None:
    """A network of the container's own needs the server's port shown: on loopback, to this machine only."""
    if spec.serving is None or network == "none":
        return None
    if network == "bridge":
        return port or spec.serving.port, spec.serving.port
    if port not in (None, spec.serving.port) and not spec.serving.takes_address:
        raise RecipeError(
            f"`{spec.bundle}` uses the host's network and serves on port {spec.serving.port}, found --port {port}",
            hint="leave --port out, or change the port in the variant's `serving`",
        )
    return None


def _devices(access: Access, count: int) -> Iterator[str]:
    for device in access.devices:
        for die in range(count) if "{die}" in device else (0,):
            yield device.replace("{die}", str(die))


def _weights(spec: RunSpec) -> Iterator[Mount]:
    """Weights that are not in the image are shown to it read-only, unless a wider mount shows them already."""
    folder = spec.weights.folder
    shown = [mount.target or mount.source for mount in spec.container.mounts]
    covered = any(folder == place or folder.startswith(f"{place.rstrip('/')}/") for place in shown)
    if spec.weights.place == "mount" and not covered:
        yield Mount(source=folder, why="the weights, which nothing in the container may change")


def _refuse_colons(spec: RunSpec, places: Iterable[str]) -> None:
    """Where docker and podman name two places in one word, a colon parts them, and there is no way to escape it."""
    for place in places:
        if ":" in place:
            raise RecipeError(f"`{spec.bundle}` mounts `{place}`, and no path with a colon can be mounted")


def _notes(spec: RunSpec, access: Access) -> Iterator[Note]:
    if access.needs:
        yield Note(what="the machine needs", why=access.needs)
    for key, why in (*access.why.items(), *spec.container.why.items()):
        yield Note(what=key, why=why)
    for mount in (*access.mounts, *spec.container.mounts):
        if mount.why:
            yield Note(what=f"mount {mount.source}", why=mount.why)
    if spec.master_ports:
        first, last = spec.master_ports
        why = f"a port from {first} to {last} that no other bundle of the machine has; `flagrelease run` leases one"
        yield Note(what="MASTER_PORT", why=why)
    for what, why in spec.container.dropped.items():
        yield Note(what=f"left out: {what}", why=why)
