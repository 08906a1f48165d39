"""Print how a bundle is started: the least privileged command or file, with its reasons as comments."""

import shlex
import sys

from flagrelease.cli.running.asked import Asked, format_of
from flagrelease.domain.run_spec import RunSpec
from flagrelease.formats.canonical import pretty_json
from flagrelease.launch.comments import comments
from flagrelease.launch.compose import compose_file
from flagrelease.launch.container import docker_words
from flagrelease.launch.kubernetes import kubernetes_file
from flagrelease.launch.quadlet import quadlet_file
from flagrelease.launch.start import Start, start_of


def print_start(spec: RunSpec, asked: Asked, form: str, *, image: str, ours: bool, json: bool) -> None:
    """Write it to stdout. Raises RecipeError for a format that is none, or cannot say what the bundle needs."""
    start = start_of(
        spec,
        image=image,
        ours=ours,
        way=asked.way,
        native=asked.native,
        profiles=asked.profiles,
        port=asked.port,
    )
    text = as_text(start, format_of(form))
    if not json:
        sys.stdout.write(text)
        return
    told = {
        "bundle": spec.bundle,
        "format": form,
        "text": text,
        "command": list(docker_words(start)) if form == "docker" else None,
        "container": start.model_dump(mode="json"),
    }
    sys.stdout.write(pretty_json(told).decode())


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
