"""Print how a bundle is started: the least privileged command or file, with its reasons as comments."""

import shlex
import sys

from flagrelease.cli.running.asked import Asked, format_of
from flagrelease.domain.run_spec import RunSpec
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.launch.comments import comments
from flagrelease.launch.compose import compose_file
from flagrelease.launch.container import docker_words
from flagrelease.launch.kubernetes import kubernetes_file
from flagrelease.launch.nodes import hostfile, on_node, parse_nodes, rank_table
from flagrelease.launch.quadlet import quadlet_file
from flagrelease.launch.start import Start, start_of


def print_start(spec: RunSpec, asked: Asked, form: str, *, image: str, ours: bool, json: bool) -> None:
    """Write it to stdout. Raises RecipeError for a format that is none, or cannot say what the bundle needs."""
    form = format_of(form)
    starts = starts_of(spec, asked, image=image, ours=ours)
    text = _file(spec, asked, form) or _texts(spec, starts, form)
    if not json:
        sys.stdout.write(text)
        return
    told = {
        "bundle": spec.bundle,
        "format": form,
        "text": text,
        "commands": [list(docker_words(start)) for start in starts] if form == "docker" else [],
        "containers": [start.model_dump(mode="json") for start in starts],
    }
    sys.stdout.write(pretty_json(told).decode())


def starts_of(spec: RunSpec, asked: Asked, *, image: str, ours: bool) -> tuple[Start, ...]:
    """The container of each machine. Raises RecipeError where the machines that are named are not those it has."""
    start = start_of(
        spec,
        image=image,
        ours=ours,
        way=asked.way,
        native=asked.native,
        profiles=asked.profiles,
        port=asked.port,
    )
    if spec.devices.nodes == 1 and not asked.nodes:
        return (start,)
    nodes = parse_nodes(spec, asked.nodes)
    return tuple(on_node(start, spec, nodes, rank) for rank in range(len(nodes))) if len(nodes) > 1 else (start,)


def _file(spec: RunSpec, asked: Asked, form: str) -> str:
    """A file of all machines; nothing where a container is to be printed."""
    if form not in ("rank-table", "hostfile"):
        return ""
    if spec.devices.nodes == 1:
        raise RecipeError(f"`{spec.bundle}` runs on one machine, which needs no {form}")
    nodes = parse_nodes(spec, asked.nodes)
    return rank_table(spec, nodes) if form == "rank-table" else hostfile(spec, nodes)


def _texts(spec: RunSpec, starts: tuple[Start, ...], form: str) -> str:
    if len(starts) > 1 and form != "docker":
        raise RecipeError(
            f"`{spec.bundle}` runs on {len(starts)} machines, and a {form} file is one machine's",
            hint="take --print docker, which has a command for each",
        )
    return "\n".join(as_text(start, form) for start in starts)


def as_text(start: Start, form: str) -> str:
    """The container in one of the formats."""
    match form:
        case "compose":
            return compose_file(start)
        case "quadlet":
            return quadlet_file(start)
        case "k8s":
            return kubernetes_file(start)
        case _:
            return comments(start.notes) + shlex.join(docker_words(start)) + "\n"
