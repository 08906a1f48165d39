"""Which engine answers, and whether it can be believed."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flagrelease.domain.chip import MACHINES, Architecture
from flagrelease.engine_ports import EngineFacts
from flagrelease.engines.docker.sdk import Answer
from flagrelease.errors import ToolError

DEFAULT_HOST = "unix:///var/run/docker.sock"
OLDEST = (20, 10)
_BINFMT = Path("/proc/sys/fs/binfmt_misc")


def host_of(environ: Mapping[str, str]) -> str:
    """The engine's address: DOCKER_HOST, else the machine's own socket, else the one of an engine without root.

    Contexts of the docker command line are not read: what is built where must not hang on a file of the user.
    """
    named = environ.get("DOCKER_HOST")
    if named:
        return named
    runtime = environ.get("XDG_RUNTIME_DIR")
    own = Path(runtime, "docker.sock") if runtime else None
    if own is not None and not Path(DEFAULT_HOST.removeprefix("unix://")).exists() and own.exists():
        return f"unix://{own}"
    return DEFAULT_HOST


def facts_of(host: str, version: Answer, info: Answer, builder: str) -> EngineFacts:
    """What the engine said about itself.

    Raises:
        ToolError: it is podman, too old, or for an architecture that bundles do not have.
    """
    names = {str(one.get("Name")).lower() for one in _objects(version.get("Components"))}
    said = str(version.get("Version", ""))[:100]
    if any("podman" in name for name in names) or "podman" in str(info.get("ServerVersion", "")).lower():
        raise ToolError(
            f"the engine at {host} is podman {said}, which answers like docker and is not: it ignores the devices that "
            "are asked for, tells no out-of-memory kill, and names other digests than the registry",
            hint="set DOCKER_HOST to a docker engine, or use `--engine embedded`",
        )
    number = re.match(r"(\d+)\.(\d+)", said)
    if number is None or (int(number[1]), int(number[2])) < OLDEST:
        raise ToolError(
            f"the engine at {host} is docker {said or 'of no version'}, wanted {'.'.join(map(str, OLDEST))} or newer: "
            "older ones have no BuildKit",
            hint="update docker, or set DOCKER_HOST to a newer engine",
        )
    machine = str(info.get("Architecture", ""))
    architecture = MACHINES.get(machine) or MACHINES.get(machine.lower())
    if architecture is None or str(info.get("OSType", "")) != "linux":
        raise ToolError(
            f"the engine at {host} runs {info.get('OSType')} on {machine}, wanted linux on amd64 or arm64",
            hint="set DOCKER_HOST to another engine",
        )
    status = info.get("DriverStatus") or []
    # An engine behind a socket that was shown to this container has another machine's name, and its files.
    remote = not host.startswith("unix://") or str(info.get("Name")) != socket.gethostname()
    return EngineFacts(
        name="docker",
        version=said,
        builder=builder,
        architecture=architecture,
        containerd_store=any("io.containerd.snapshotter" in str(pair) for pair in status),
        remote=remote,
        emulates=() if remote else _emulated(),
    )


def _emulated() -> tuple[Architecture, ...]:
    """What this machine's kernel hands to an emulator (binfmt_misc), by the name that qemu-user-static registers."""
    found = []
    for machine, architecture in MACHINES.items():
        entry = _BINFMT / f"qemu-{machine}"
        if entry.is_file() and entry.read_text(encoding="ascii", errors="replace").startswith("enabled"):
            found.append(architecture)
    return tuple(found)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
