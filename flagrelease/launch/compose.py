"""A container as a Compose file (the Compose Specification)."""

from typing import Any

import yaml

from flagrelease.domain.container import Mount
from flagrelease.errors import RecipeError
from flagrelease.launch.comments import comments
from flagrelease.launch.start import LOOPBACK, Start


def compose_file(start: Start) -> str:
    """The file. Values are written by a YAML serialiser, their `$` doubled: Compose would fill in variables else.

    Raises:
        RecipeError: the devices are reached by a program that takes the place of docker.
    """
    if start.program != "docker":
        raise RecipeError(
            f"this way to the devices is `{start.program}` in the place of docker, and Compose has no such program",
            hint="take the other way by --access raw",
        )
    name = start.title.split()[0]
    document = {"services": {"bundle": _escaped(compose_service(start))}, "name": _project(name)}
    first = (f"{start.title}: docker compose --file THIS up --detach",)
    return comments(start.notes, first=first) + _dumped(document)


def compose_service(start: Start) -> dict[str, Any]:
    """The service as a tree, before its `$` are doubled."""
    made: dict[str, Any] = {
        "image": start.image,
        "container_name": start.name,
        "init": start.init or None,
        "user": start.user,
        "working_dir": start.working_folder,
        "network_mode": start.network if start.network != "bridge" else None,
        "pid": "host" if start.host_pid else None,
        "ipc": "host" if start.host_ipc else None,
        "shm_size": f"{start.shm_gb}gb" if start.shm_gb else None,
        "ports": [_port(*start.ports)] if start.ports else None,
        "runtime": start.runtime,
        "devices": [f"{device}:{device}" for device in start.devices],
        "deploy": _gpus(start.gpus) if start.gpus else None,
        "group_add": list(start.groups),
        "privileged": start.privileged or None,
        "cap_drop": None if start.privileged else ["ALL"],
        "cap_add": None if start.privileged else list(start.capabilities),
        "security_opt": ["no-new-privileges:true", *(_option(one) for one in start.security_options)],
        "ulimits": dict(start.ulimits),
        "tmpfs": [f"{folder}:exec" for folder in start.tmpfs],
        "volumes": [_volume(mount) for mount in start.mounts],
        "environment": dict(sorted(start.env.items())),
        "entrypoint": list(start.entrypoint),
        "command": list(start.command),
        "restart": "no",
    }
    return {key: value for key, value in made.items() if value not in (None, [], {})}


def _port(host: int, inside: int) -> dict[str, Any]:
    return {"host_ip": LOOPBACK, "published": str(host), "target": inside, "protocol": "tcp"}


def _gpus(count: str) -> dict[str, Any]:
    device = {"driver": "nvidia", "count": count, "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [device]}}}


def _option(option: str) -> str:
    """Compose parts the two halves by a colon where docker has an equals sign."""
    return option.replace("=", ":", 1)


def _volume(mount: Mount) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "bind", "source": mount.source, "target": mount.target or mount.source}
    # A folder that is not there is a mistake to be told, not one to be made by root.
    made["bind"] = {"create_host_path": False}
    return made | ({"read_only": True} if mount.read_only else {})


def _project(bundle: str) -> str:
    """Names of projects have no dots."""
    return bundle.replace(".", "-")


def _escaped(tree: Any) -> Any:
    match tree:
        case str():
            return tree.replace("$", "$$")
        case dict():
            return {key: _escaped(value) for key, value in tree.items()}
        case list():
            return [_escaped(value) for value in tree]
        case _:
            return tree


def _dumped(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
