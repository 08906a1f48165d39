"""A container as a Kubernetes pod (core/v1).

A cluster hands devices out by the names that their vendors' plugins register. Where the recipe states none, device
nodes are shown as files of the host: the file says so, and that a kubelet may refuse to open them.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from flagrelease.errors import RecipeError
from flagrelease.launch.comments import comments
from flagrelease.launch.start import LOOPBACK, Note, Start

_RESOURCES = {"all": "nvidia.com/gpu"}
"""What the container toolkit's `--gpus` is in a cluster: the name that NVIDIA's device plugin registers."""

_GIB = 1 << 30
_ID = re.compile(r"[0-9]+(:[0-9]+)?")


def kubernetes_file(start: Start) -> str:
    """The manifest, by a YAML serialiser; `$` doubled where Kubernetes would fill in variables.

    Raises:
        RecipeError: what the container needs has no place in a pod.
    """
    if start.program != "docker":
        raise RecipeError(
            f"this way to the devices is `{start.program}` in the place of docker, which a kubelet cannot use",
            hint="take the other way by --access raw",
        )
    first = (
        f"{start.title}: kubectl apply --filename THIS; the port is shown on the node's loopback",
        "the image has to be in a registry that the nodes can pull from",
    )
    text = yaml.safe_dump(pod(start), sort_keys=False, allow_unicode=True, width=100)
    return comments((*start.notes, *_of_the_cluster(start)), first=first) + text


def pod(start: Start) -> dict[str, Any]:
    """The pod as a tree."""
    volumes, mounts = _volumes(start)
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": True if start.network == "host" else None,
        "hostPID": start.host_pid or None,
        "hostIPC": start.host_ipc or None,
        "runtimeClassName": start.runtime,
        "containers": [_container(start, mounts)],
        "volumes": volumes,
    }
    name = re.sub(r"[^a-z0-9-]+", "-", start.title.lower())[:63].strip("-")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": _kept(spec)}


def _container(start: Start, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    port = {"containerPort": start.ports[1], "hostPort": start.ports[0], "hostIP": LOOPBACK} if start.ports else None
    resource = _RESOURCES.get(start.gpus or "")
    return _kept(
        {
            "name": "bundle",
            "image": start.image,
            "workingDir": start.working_folder,
            "command": [_literal(word) for word in start.entrypoint],
            "args": [_literal(word) for word in start.command],
            "env": [{"name": name, "value": _literal(value)} for name, value in sorted(start.env.items())],
            "ports": [port] if port else None,
            "resources": {"limits": {resource: start.device_count}} if resource else None,
            "securityContext": _security(start),
            "volumeMounts": mounts,
        }
    )


def _security(start: Start) -> dict[str, Any]:
    if start.privileged:
        # Kubernetes refuses allowPrivilegeEscalation: false beside it.
        return {"privileged": True}
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if start.capabilities:
        capabilities["add"] = list(start.capabilities)
    unconfined = "seccomp=unconfined" in start.security_options
    made: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "seccompProfile": {"type": "Unconfined" if unconfined else "RuntimeDefault"},
    }
    if start.user and _ID.fullmatch(start.user):
        user, _, group = start.user.partition(":")
        made |= {"runAsUser": int(user)} | ({"runAsGroup": int(group)} if group else {})
    return made


def _volumes(start: Start) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def add(name: str, source: dict[str, Any], place: str, *, read_only: bool) -> None:
        volumes.append({"name": name, **source})
        mounts.append({"name": name, "mountPath": place} | ({"readOnly": True} if read_only else {}))

    for number, mount in enumerate(start.mounts):
        place = mount.target or mount.source
        add(f"host-{number}", {"hostPath": {"path": mount.source}}, place, read_only=mount.read_only)
    for number, device in enumerate(start.devices):
        add(f"device-{number}", {"hostPath": {"path": device}}, device, read_only=False)
    for number, folder in enumerate(start.tmpfs):
        add(f"memory-{number}", {"emptyDir": {"medium": "Memory"}}, folder, read_only=False)
    if start.shm_gb:
        memory = {"emptyDir": {"medium": "Memory", "sizeLimit": str(start.shm_gb * _GIB)}}
        add("shm", memory, "/dev/shm", read_only=False)  # noqa: S108 - in the container
    return volumes, mounts


def _of_the_cluster(start: Start) -> Iterator[Note]:
    if start.devices:
        yield Note(
            what="devices",
            why="no name of a device plugin is known for this chip, so its nodes are paths of the host; a kubelet "
            "opens them only to a pod that a plugin gave them to, so put the plugin's resource in their place",
        )
    elif start.gpus is None and start.runtime is None and any("VISIBLE_DEVICES" in name for name in start.env):
        yield Note(what="devices", why="the node's container runtime has to be the vendor's toolkit")
    if start.ulimits:
        limits = ", ".join(f"{name}={limit}" for name, limit in start.ulimits.items())
        yield Note(what=f"ulimits {limits}", why="a pod cannot set them: set them in the node's container runtime")
    if start.init:
        yield Note(what="init", why="a pod has none: what the server starts and leaves behind is not reaped")
    for option in start.security_options:
        if option != "seccomp=unconfined":
            yield Note(what=f"security option {option}", why="a pod has no such option; it is left out")
    for group in start.groups:
        yield Note(what=f"group {group}", why="a pod takes numbers only: add its number as supplementalGroups")
    if start.user and not _ID.fullmatch(start.user):
        yield Note(what=f"user {start.user}", why="a pod takes numbers only: add it as runAsUser")


def _literal(text: str) -> str:
    """Kubernetes puts a variable in the place of `$(NAME)`; `$$` is a `$`."""
    return text.replace("$", "$$")


def _kept(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if value not in (None, [], {})}
