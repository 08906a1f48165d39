"""Folders of the host inside the container: what is needed, no more, and nothing that is missing."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.bundle import Script
from flagrelease.domain.container import Mount
from flagrelease.formats.positions import Path
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.rules.container import asked_for
from flagrelease.lint.views import VariantView

_WIDE: Final = frozenset({
    "/home", "/root", "/dev", "/mnt", "/media", "/proc", "/sys", "/etc", "/usr", "/var", "/run", "/boot", "/lib",
    "/lib64", "/bin", "/sbin", "/opt", "/srv", "/data", "/var/run", "/var/lib/docker", "/usr/src",
    "/lib/modules", "/tmp",  # noqa: S108 - a name to look for
})  # fmt: skip
_SOCKETS: Final = re.compile(r"/(docker|containerd|crio|podman)\.sock\Z|/\.X11-unix\Z")
_OF_THE_HOST: Final = re.compile(
    r"(?:^|[=\s,])(/(?:nfs|share|shared|data|mnt|media|srv|gpfs|lustre|nvme|ssd)\w*/[^\s:,]+)"
)


@rule(
    "FR241",
    "error",
    "a wide folder of the host without a reason",
    why=(
        "The first Cambricon card mounts /home, /mnt, /data and the X11 socket: every user's keys, every disk, the "
        "screen and the keyboard. Iluvatar's cards mount /dev, /usr/src and /lib/modules. Docker's socket is the whole "
        "machine."
    ),
    hint="mount the one folder that is needed, read-only; where it has to be this one, say why in the mount",
    bad={"variant.container.mounts": [{"source": "/home"}]},
    good={"variant.container.mounts": [{"source": "/dev", "why": "the nodes have no fixed names"}],
          "variant.settings": {"nodes": "/dev"}},
)  # fmt: skip
def wide_mount(project: Project) -> Iterator[Found]:
    """Top folders and control sockets, of variants and of chips."""
    for one in asked_for(project):
        for index, mount in enumerate(one.what.mounts):
            if (mount.source in _WIDE or _SOCKETS.search(mount.source)) and mount.why is None:
                yield one.found("mounts", index, text=f"`{mount.source}` of the host without a reason")


@rule(
    "FR242",
    "error",
    "a folder of the host that may be changed, without a reason",
    why=(
        "Weights that a container may change are no longer the weights whose hash was checked: MindIE's documents ask "
        "that nobody but the owner can write them. Every mount of the cards is writable, since that is docker's "
        "default."
    ),
    hint="write `read_only: true`, or say what is written there in the mount's `why`",
    bad={"variant.container.mounts": [{"source": "/srv/weights/tiny", "read_only": False}]},
    good={"variant.container.mounts": [
        {"source": "/srv/out/tiny", "target": "/opt/out", "read_only": False, "why": "answers are written there"},
    ], "variant.settings": {"out": "/opt/out"}},
)  # fmt: skip
def writable_mount(project: Project) -> Iterator[Found]:
    """Mounts that are not read-only, of variants and of chips."""
    for one in asked_for(project):
        for index, mount in enumerate(one.what.mounts):
            if not mount.read_only and mount.why is None:
                yield one.found("mounts", index, "read_only", text=f"`{mount.source}` is writable, without a reason")


@rule(
    "FR243",
    "error",
    "two mounts at one place",
    why="The later one hides the earlier one, in an order that engines do not promise.",
    hint="give one of them another `target`, or take it out",
    bad={"variant.container.mounts": [
        {"source": "/srv/a", "target": "/opt/w"}, {"source": "/srv/b", "target": "/opt/w"},
    ], "variant.settings": {"folder": "/opt/w"}},
    good={"variant.container.mounts": [
        {"source": "/srv/a", "target": "/opt/w/a"}, {"source": "/srv/b", "target": "/opt/w/b"},
    ], "variant.settings": {"folder": "/opt/w"}},
)  # fmt: skip
def same_target(project: Project) -> Iterator[Found]:
    """Targets of a variant's mounts and of its chip's."""
    for one in project.variants:
        taken = {_target(mount): "the chip's mount" for mount in _of_the_chip(one)}
        for index, mount in enumerate(one.variant.container.mounts):
            target = _target(mount)
            if target in taken:
                text = f"`{target}` is the place of {taken[target]} as well"
                yield one.found("container", "mounts", index, text=text)
            taken.setdefault(target, f"`{mount.source}`")


@rule(
    "FR244",
    "error",
    "a path of the host that is not in the container",
    why=(
        "The first Cambricon card downloads weights to /nfs and serves /nfs/MiniCPM-o-2_6, but mounts five other "
        "folders, so the server finds nothing there."
    ),
    hint="mount the folder, or use a path of the image",
    bad={"variant.serving.arguments": {"tokenizer": "/nfs/tiny"}},
    good={
        "variant.serving.arguments": {"tokenizer": "/nfs/tiny"},
        "variant.container.mounts": [{"source": "/nfs/tiny"}],
    },
)
def path_not_mounted(project: Project) -> Iterator[Found]:
    """Paths in commands, options, settings and variables that look like the host's, and that no mount covers."""
    for one in project.variants:
        inside = _inside(one)
        for key, text in _words(one):
            for path in _OF_THE_HOST.findall(text):
                if not any(_covers(place, path) for place in inside):
                    yield one.found(*key, text=f"`{path}` is neither in the image nor mounted")


@rule(
    "FR245",
    "warning",
    "weights outside the image that no mount brings",
    why=(
        "With `weights_in: mount` the weights are a folder of the host. `run` mounts it at the same path read-only, "
        "which is right only where the host has it at that path."
    ),
    hint="add a mount of the folder the weights are in, with `weights_folder` as its target",
    bad={"variant.weights_in": "mount"},
    good={"variant.weights_in": "mount", "variant.container.mounts": [
        {"source": "/srv/weights/tiny", "target": "/opt/bundle/weights"},
    ]},
)  # fmt: skip
def weights_not_mounted(project: Project) -> Iterator[Found]:
    """`weights_in: mount` without a mount at or above `weights_folder`."""
    for one in project.variants:
        targets = [_target(mount) for mount in one.variant.container.mounts]
        folder = one.variant.weights_folder
        if one.variant.weights_in == "mount" and not any(_covers(target, folder) for target in targets):
            yield one.found("weights_in", text=f"no mount has `{folder}`, where the weights are looked for")


@rule(
    "FR246",
    "error",
    "a mount that hides the weights",
    why="Weights that are in the image are not seen when a folder of the host is mounted over them.",
    hint="mount it elsewhere, or write `weights_in: mount`",
    bad={
        "variant.container.mounts": [{"source": "/srv/tiny", "target": "/opt/bundle", "why": "the user's own files"}],
    },
    good={"variant.container.mounts": [{"source": "/srv/tiny", "target": "/opt/cache"}],
          "variant.env": {"CACHE": "/opt/cache"}},
)  # fmt: skip
def hidden_weights(project: Project) -> Iterator[Found]:
    """Mounts at or above `weights_folder` of weights that are in the image."""
    for one in project.variants:
        for index, mount in enumerate(one.variant.container.mounts):
            if one.variant.weights_in == "image" and _covers(_target(mount), one.variant.weights_folder):
                text = f"`{_target(mount)}` covers `{one.variant.weights_folder}`, where the image has its weights"
                yield one.found("container", "mounts", index, text=text)


@rule(
    "FR247",
    "warning",
    "a mount that nothing uses",
    why=(
        "Of the folders that the first Cambricon card mounts, no instruction uses five. Each is access that a user "
        "gives for nothing."
    ),
    hint="take it out, or name what uses it in the mount's `why`",
    bad={"variant.container.mounts": [{"source": "/srv/project"}]},
    good={"variant.container.mounts": [{"source": "/srv/project", "why": "the user's own script"}]},
)
def unused_mount(project: Project) -> Iterator[Found]:
    """Mounts that no path of the variant is at, below or above. A wide or writable one needs a reason anyway."""
    for one in project.variants:
        used = [text for _, text in _words(one)]
        if one.variant.weights_in == "mount":
            used.append(one.variant.weights_folder)
        for index, mount in enumerate(one.variant.container.mounts):
            target = _target(mount)
            is_plain = mount.why is None and mount.read_only and mount.source not in _WIDE
            if is_plain and not any(target in text or _covers(text, target) for text in used):
                yield one.found("container", "mounts", index, text=f"nothing uses `{target}`")


def _target(mount: Mount) -> str:
    return (mount.target or mount.source).rstrip("/")


def _covers(place: str, path: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _of_the_chip(one: VariantView) -> tuple[Mount, ...]:
    ways = one.chip.container if one.chip else None
    access = getattr(ways, one.variant.container.access) if ways else None
    return tuple(access.mounts) if access else ()


def _inside(one: VariantView) -> tuple[str, ...]:
    """Places inside the container: mounts, and what the recipe itself puts into the image."""
    variant = one.variant
    mounts = (*variant.container.mounts, *_of_the_chip(one))
    placed = (component.placed_at for component in variant.components.values() if component.placed_at)
    folders = (variant.weights_folder, *placed, *(file.path for file in variant.files))
    return (*(_target(mount) for mount in mounts), *folders)


def _words(one: VariantView) -> Iterator[tuple[Path, str]]:
    """Every word of the variant that a program gets, with its key."""
    variant = one.variant
    yield from ((("entrypoint", index), word) for index, word in enumerate(variant.entrypoint))
    if variant.script:
        yield from _script_words(variant.script)
    if variant.working_folder:
        yield ("working_folder",), variant.working_folder
    if variant.serving:
        yield from ((("serving", "arguments", name), str(value)) for name, value in variant.serving.arguments.items())
        yield ("serving", "served_name"), variant.serving.served_name or ""
    yield from ((("settings", name), str(value)) for name, value in variant.settings.items())
    yield from ((("env", name), text) for name, text in variant.env.items())


def _script_words(script: Script) -> Iterator[tuple[Path, str]]:
    yield from ((("script", "command", index), word) for index, word in enumerate(script.command))
    yield from ((("script", "env", name), text) for name, text in script.env.items())
    for mode, env in script.modes.items():
        yield from ((("script", "modes", mode, name), text) for name, text in env.items())
