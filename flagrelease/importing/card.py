"""A card taken apart: everything in it that a recipe, or a defect, can be made of."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, TypeVar

from flagrelease.importing.bundle_name import BundleName, bundle_name
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.docker_words import DockerRun, docker_run, exec_target
from flagrelease.importing.image_name import ImageFacts, image_facts
from flagrelease.importing.layout import Line, Table, laid_out, tables
from flagrelease.importing.serving_words import Request, Serve, requests, serves
from flagrelease.importing.shell import Command, commands
from flagrelease.importing.stated import Stated, in_image, in_pip, in_tables
from flagrelease.importing.text import read_card

_ENGINES: Final = frozenset({"docker", "metax-docker", "nerdctl", "podman"})
_HUB_NAME: Final = re.compile(r"\bFlagRelease/([A-Za-z0-9][\w.-]{0,150})")
_SUFFIX: Final = re.compile(r"-FlagOS(?:-[A-Za-z0-9]{1,20}){0,3}")
_IN_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LONGEST_NAME: Final = 100
_MOST_COMMANDS: Final = 1000
_MOST_TABLES: Final = 100
_MOST_STATED: Final = 500
"""What a card has at most of each; whatever has more is none, and must not take long."""
_QUOTED: Final = " \"'[]"
_FRONT_KEY: Final = re.compile(r"([a-z_]+)\s*:\s*(.*)\Z")


@dataclass(frozen=True, kw_only=True)
class Download:
    """Weights that are fetched from a hub."""

    line: int
    way: str
    hub: str
    repo: str
    folder: str


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A repository that is cloned. `ref` is what it is cloned at, or what is checked out afterwards."""

    line: int
    way: str
    url: str
    ref: str
    folder: str

    @property
    def repository(self) -> str:
        """`owner/name`, or an empty string."""
        found = re.search(r"[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\Z", self.url)
        return found[1] if found else ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An image or a container that a command names."""

    line: int
    way: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """One card. What it holds is found when it is first asked for."""

    source: str
    lines: tuple[Line, ...]
    strange: tuple[CardDefect, ...]

    @cached_property
    def tables(self) -> list[Table]:
        """Its tables."""
        return tables(self.lines)[:_MOST_TABLES]

    @cached_property
    def commands(self) -> list[Command]:
        """Its commands."""
        return commands(self.lines, most=_MOST_COMMANDS)

    @cached_property
    def pulls(self) -> list[Seen]:
        """Images that are pulled."""
        found = []
        for command in self.commands:
            if command.program in _ENGINES and command.words[1:2] == ("pull",):
                names = [word for word in command.words[2:] if not word.startswith("-")]
                found += [Seen(line=command.line, way=command.way, name=name) for name in names[:1]]
        return found

    @cached_property
    def runs(self) -> list[DockerRun]:
        """Containers that are started."""
        return [docker_run(one) for one in self.commands if one.program in _ENGINES and one.words[1:2] == ("run",)]

    @cached_property
    def execs(self) -> list[Seen]:
        """Containers that are gone into."""
        return [
            Seen(line=one.line, way=one.way, name=exec_target(one))
            for one in self.commands
            if one.program in _ENGINES and one.words[1:2] == ("exec",)
        ]

    @cached_property
    def images(self) -> list[tuple[Seen, ImageFacts]]:
        """Every image that is pulled or run, with what its name says."""
        run = [Seen(line=one.line, way=one.way, name=one.image) for one in self.runs if one.image]
        return [(one, image_facts(one.name)) for one in (*self.pulls, *run)]

    @cached_property
    def downloads(self) -> list[Download]:
        """Weights that are fetched."""
        return [found for command in self.commands if (found := _download(command))]

    @cached_property
    def clones(self) -> list[Clone]:
        """Repositories that are cloned, with what is checked out in them."""
        return _clones(self.commands)

    @cached_property
    def serves(self) -> list[Serve]:
        """Starts of a server."""
        return serves(self.commands, self.lines)

    @cached_property
    def requests(self) -> list[Request]:
        """Requests that are shown."""
        return requests(self.commands, self.lines)[:_MOST_STATED]

    @cached_property
    def scripts(self) -> list[Command]:
        """Python programs that are run, apart from servers and FlagScale's patch tool."""
        served = {one.line for one in self.serves}
        return [
            one
            for one in self.commands
            if one.program.startswith("python") and one.words[1:] and one.words[1].endswith(".py")
            and one.line not in served and "patch" not in one.words[1]
        ]  # fmt: skip

    @cached_property
    def stated(self) -> list[Stated]:
        """Versions that are stated."""
        found = in_tables(self.tables)
        for seen, image in self.images:
            found += in_image(image, seen.line, seen.way)
        return (found + in_pip(self.commands))[:_MOST_STATED]

    @cached_property
    def names(self) -> list[tuple[int, BundleName]]:
        """Every name of a bundle that is written somewhere, the file's own first."""
        stem = self.source.rpartition("/")[2].removesuffix(".md").removesuffix(".txt").removeprefix("FlagRelease_")
        found = [(0, bundle_name(stem))] if "FlagOS" in stem else []
        for line in self.lines:
            names = (*_HUB_NAME.findall(line.text), *_written_names(line.text))
            found += [(line.number, bundle_name(name)) for name in names]
            if len(found) > _MOST_STATED:
                break
        return [(line, name) for line, name in found if name.model]

    @cached_property
    def front(self) -> Mapping[str, tuple[int, str]]:
        """The front matter: line and text by key; the entries of a list are joined."""
        return _front(self.lines)

    @property
    def ways(self) -> list[str]:
        """The ways in which the card runs the bundle, in its order; one empty name where it has one only."""
        acting = [(one.line, one.way) for one in self.serves]
        acting += [(one.line, one.way) for one in self.scripts]
        acting += [(one.line, one.way) for one in self.runs]
        acting += [(one.line, one.way) for one in self.downloads]
        return list(dict.fromkeys(way for _, way in sorted(acting) if way)) or [""]


def card_of(data: str | bytes, *, source: str) -> Card:
    """The card. Raises RecipeError when it is too large or not UTF-8."""
    text = read_card(data, source=source)
    return Card(source=source, lines=tuple(laid_out(text.lines)), strange=text.defects)


class _OfWay(Protocol):
    @property
    def way(self) -> str: ...


W = TypeVar("W", bound=_OfWay)


def of_way(things: Iterable[W], way: str) -> list[W]:
    """Those of one way of running the bundle, and those for all."""
    return [one for one in things if one.way in ("", way)]


def _written_names(text: str) -> Iterator[str]:
    """Names that end with `-FlagOS…`; `MiniCPM-o 2.6-FlagOS` has a space before its number."""
    for suffix in _SUFFIX.finditer(text):
        start = suffix.start()
        first = start
        while first > max(0, start - _LONGEST_NAME) and text[first - 1] in _IN_NAME:
            first -= 1
        if text[first:start][:1].isdigit() and text[first - 1 : first] == " ":
            first -= 1
            while first > max(0, start - _LONGEST_NAME) and text[first - 1] in _IN_NAME:
                first -= 1
        if name := text[first:start].strip(" ._-"):
            yield name + suffix[0]


def _download(command: Command) -> Download | None:
    if command.starts("modelscope", "download"):
        hub = "modelscope"
    elif command.program in {"huggingface-cli", "hf"} and command.words[1:2] == ("download",):
        hub = "huggingface"
    else:
        return None
    repo, folder, rest = "", "", list(command.words[2:])
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("-"):
            repo = repo or name
            continue
        if name in {"--model", "--local_dir", "--local-dir", "--revision", "--cache_dir", "--cache-dir"} and not equals:
            value = rest.pop(0) if rest else ""
        repo = value if name == "--model" else repo
        folder = value if name in {"--local_dir", "--local-dir"} else folder
    return Download(line=command.line, way=command.way, hub=hub, repo=repo, folder=folder.rstrip("/"))


def _clones(found: Sequence[Command]) -> list[Clone]:
    clones: list[Clone] = []
    for command in found:
        if command.starts("git", "clone"):
            rest, ref, places = list(command.words[2:]), "", list[str]()
            while rest:
                name, equals, value = rest.pop(0).partition("=")
                if name in {"-b", "--branch", "--depth", "-c", "-o", "--origin", "--config", "-j", "--jobs"}:
                    value = value if equals else (rest.pop(0) if rest else "")
                    ref = value if name in {"-b", "--branch"} else ref
                elif not name.startswith("-"):
                    places.append(name if not equals else f"{name}={value}")
            if places:
                folder = places[1] if len(places) > 1 else places[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
                clones.append(
                    Clone(line=command.line, way=command.way, url=places[0], ref=ref, folder=folder)
                )  # fmt: skip
        elif command.starts("git", "checkout") and clones:
            revision = next((word for word in command.words[2:] if not word.startswith("-")), "")
            last = clones.pop()
            clones.append(
                Clone(line=last.line, way=last.way, url=last.url, ref=revision or last.ref, folder=last.folder)
            )  # fmt: skip
    return clones


def _front(lines: Sequence[Line]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    if not lines or lines[0].text.strip() != "---":
        return found
    key = ""
    for line in lines[1:60]:
        text = line.text.strip()
        if text == "---":
            return found
        if named := _FRONT_KEY.match(line.text):
            key = named[1]
            found[key] = (line.number, named[2].strip(_QUOTED))
        elif key and text.startswith("- "):
            found[key] = (found[key][0], f"{found[key][1]} {text[2:].strip(_QUOTED)}".strip())
    return {}
