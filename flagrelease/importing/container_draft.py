"""The container of a draft: what the card's command asks for within bounds; everything wider is dropped, by name."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.value import AbsolutePath, Name
from flagrelease.formats.fits import fits
from flagrelease.formats.placeholders import todo
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.card import of_way
from flagrelease.importing.docker_words import DockerRun
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Pair

_SIZE: Final = re.compile(r"(\d{1,4})\s*[gG][bB]?\Z")
_LIMITS: Final = frozenset({"stack", "memlock", "nofile", "nproc"})
_OURS: Final = frozenset({"name", "shm-size", "ulimit", "init", "env", "detach", "interactive", "tty", "rm"})
_MOST: Final = 60
_SCREEN: Final = "A server draws nothing; X11 opens the host's screen to it."
_WHY: Final = "why not; or make it a key of `container`, with its reason in `why`"
_DEVICES: Final = frozenset({"device", "gpus", "runtime", "group-add"})


def container(subject: Subject, way: str) -> Iterator[Pair]:
    """`container`, where the card starts one."""
    for run in of_way(subject.card.runs, way)[-1:]:
        block = [
            *_name(run),
            *_access(subject),
            *_sizes(run),
            *_mounts(subject, way),
            *_env(run),
            *_dropped(subject, run, way),
        ]
        if block:
            yield Pair("container", block, f"line {run.line}")


def _name(run: DockerRun) -> Iterator[Pair]:
    if fits(Name, run.value("name")):
        yield Pair("name", run.value("name"))


def _access(subject: Subject) -> Iterator[Pair]:
    ways = subject.chip.container if subject.chip else None
    if ways and ways.toolkit:
        yield Pair("access", "toolkit")


def _sizes(run: DockerRun) -> Iterator[Pair]:
    size = _SIZE.match(run.value("shm-size"))
    if size and 0 < int(size[1]) <= 4096:  # noqa: PLR2004 - as `Container` has it
        yield Pair("shm_gb", int(size[1]))
    limits = {}
    for text in run.options.get("ulimit", []):
        name, _, value = text.partition("=")
        number = value.partition(":")[0]
        if name in _LIMITS and re.fullmatch(r"-1|\d{1,15}", number):
            limits[name] = int(number)
    if limits:
        yield Pair("ulimits", [Pair(name, value) for name, value in limits.items()])


def _weights(subject: Subject, way: str) -> list[str]:
    served = [one.model for one in of_way(subject.card.serves, way)]
    folders = [one.folder for one in of_way(subject.card.downloads, way)]
    return [path.rstrip("/") for path in (*served, *folders) if fits(AbsolutePath, path.rstrip("/"))]


def _mounts(subject: Subject, way: str) -> Iterator[Pair]:
    """The folder of the weights only."""
    folder = next(iter(_weights(subject, way)), "")
    if folder:
        yield Pair("mounts", [[Pair("source", folder), Pair("why", "the weights, where the card has them")]])


def _env(run: DockerRun) -> Iterator[Pair]:
    found = dict(text.partition("=")[::2] for text in run.options.get("env", []) if "=" in text)
    pairs = [
        Pair(name, value)
        for name, value in list(found.items())[:_MOST]
        if fits(EnvName, name) and fits(EnvValue, value) and name != "DISPLAY" and "$" not in value
    ]
    if pairs:
        yield Pair("env", pairs)


def _dropped(subject: Subject, run: DockerRun, way: str) -> Iterator[Pair]:
    """Every option that gives more than a container has by itself; a person says why it is not needed."""
    weights = _weights(subject, way)
    asked: dict[str, str] = {}
    for name, values in run.options.items():
        for value in values:
            text = f"--{name}" if value == "true" else f"--{name} {value}"
            is_weights = name == "volume" and value.partition(":")[0].rstrip("/") in weights
            if name not in _OURS and not is_weights:
                asked[sentence(text)[:200]] = _reason(subject, name, value)
    for text in run.options.get("env", []):
        if text.startswith("DISPLAY"):
            asked[sentence(f"--env {text}")[:200]] = _SCREEN
    if asked:
        yield Pair("dropped", [Pair(name, why) for name, why in list(asked.items())[:_MOST]])


def _reason(subject: Subject, name: str, value: str) -> str:
    """Why an option is left out, where that is certain; else the gap for it."""
    if name in _DEVICES and subject.chip is not None and subject.chip.container is not None:
        return "The chip's recipe gives its devices."
    return _SCREEN if "X11" in value else todo(_WHY)
