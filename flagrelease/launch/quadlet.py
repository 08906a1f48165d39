"""A container as a unit of Podman's systemd generator (podman-systemd.unit(5)), a `.container` file."""

import re
from collections.abc import Iterable, Iterator

from flagrelease.errors import RecipeError
from flagrelease.launch.comments import comments
from flagrelease.launch.container import volume
from flagrelease.launch.start import LOOPBACK, Start

_PLAIN = re.compile(r"[A-Za-z0-9._/@:=,+{}-]+")
_SECONDS_TO_LOAD = 900


def quadlet_file(start: Start) -> str:
    """The unit. Words are quoted, `%` and `$` doubled: systemd would put something in their place else.

    Raises:
        RecipeError: the devices are reached by another program, or a value stands where units know no quotes.
    """
    if start.program != "docker":
        raise RecipeError(
            f"this way to the devices is `{start.program}` in the place of docker, which podman cannot be",
            hint="take the other way by --access raw",
        )
    first = [
        f"{start.title}: put it into ~/.config/containers/systemd/bundle.container, then",
        "systemctl --user daemon-reload && systemctl --user start bundle",
    ]
    if start.gpus:
        first.append("The devices are named as nvidia-ctk writes them for podman: nvidia-ctk cdi generate")
    sections = {
        "Unit": [("Description", plain(start.title.replace(" ", "-")))],
        "Container": list(_container(start)),
        "Service": [("Restart", "no"), ("TimeoutStartSec", str(_SECONDS_TO_LOAD))],
    }
    body = (f"\n[{name}]\n" + "".join(f"{key}={value}\n" for key, value in keys) for name, keys in sections.items())
    return comments(start.notes, first=first) + "".join(body)


def _container(start: Start) -> Iterator[tuple[str, str]]:
    yield "Image", plain(start.image)
    if start.name:
        yield "ContainerName", plain(start.name)
    yield from _identity(start)
    yield from _reach(start)
    yield from _privileges(start)
    for mount in start.mounts:
        yield "Volume", plain(volume(mount))
    for folder in start.tmpfs:
        yield "Tmpfs", plain(f"{folder}:exec")
    for name, value in sorted(start.env.items()):
        yield "Environment", quoted((f"{name}={value}",))
    if start.working_folder:
        yield "WorkingDir", plain(start.working_folder)
    words = (*start.entrypoint[1:], *start.command)
    if start.entrypoint:
        yield "Entrypoint", plain(start.entrypoint[0])
    if words:
        yield "Exec", quoted(words)


def _identity(start: Start) -> Iterator[tuple[str, str]]:
    if start.init:
        yield "RunInit", "true"
    if start.user:
        user, _, group = start.user.partition(":")
        yield "User", plain(user)
        if group:
            yield "Group", plain(group)
    for group in start.groups:
        yield "GroupAdd", plain(group)


def _reach(start: Start) -> Iterator[tuple[str, str]]:
    if start.network != "bridge":
        yield "Network", start.network
    if start.ports:
        yield "PublishPort", f"{LOOPBACK}:{start.ports[0]}:{start.ports[1]}"
    if start.shm_gb:
        yield "ShmSize", f"{start.shm_gb}g"
    for name, limit in start.ulimits.items():
        yield "Ulimit", f"{name}={limit}"
    if start.gpus:
        yield "AddDevice", f"nvidia.com/gpu={plain(start.gpus)}"
    for device in start.devices:
        yield "AddDevice", plain(device)
    if start.runtime:
        yield "GlobalArgs", quoted(("--runtime", start.runtime))
    for option, wanted in (("--pid", start.host_pid), ("--ipc", start.host_ipc)):
        if wanted:
            yield "PodmanArgs", f"{option}=host"


def _privileges(start: Start) -> Iterator[tuple[str, str]]:
    yield "NoNewPrivileges", "true"
    if start.privileged:
        yield "PodmanArgs", "--privileged"
    else:
        yield "DropCapability", "all"
        for capability in start.capabilities:
            yield "AddCapability", capability
    for option in start.security_options:
        yield "PodmanArgs", quoted((f"--security-opt={option}",))


def plain(text: str) -> str:
    """A value where units know no quotes. Raises RecipeError for one that would need them."""
    if _PLAIN.fullmatch(text) is None:
        raise RecipeError(
            f"{text!r} stands where a unit of systemd knows no quotes",
            hint="name it with letters, digits, and `._/@:=,+-` alone, or use --print docker",
        )
    return text


def quoted(words: Iterable[str]) -> str:
    """Words as systemd.syntax(7) and quadlet read them, each in quotes."""
    return " ".join(f'"{_escaped(word)}"' for word in words)


def _escaped(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in doubled)
