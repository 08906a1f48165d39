"""What a person asks of `run`, as one value, and the shell completion of its options."""

from dataclasses import dataclass
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.settings import settings
from flagrelease.errors import FlagReleaseError, RecipeError
from flagrelease.launch.start import Way

FILES = ("rank-table", "hostfile")
"""What a bundle on several machines needs beside its commands."""
FORMATS = ("docker", "compose", "quadlet", "k8s")
WAYS: tuple[Way, ...] = ("raw", "toolkit")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a bundle is to be started."""

    port: int | None = None
    native: bool = False
    profiles: tuple[str, ...] = ()
    way: Way | None = None
    nodes: tuple[str, ...] = ()


def _formats(incomplete: str) -> list[str]:
    return [name for name in (*FORMATS, *FILES) if name.startswith(incomplete)]


def _ways(incomplete: str) -> list[str]:
    return [name for name in WAYS if name.startswith(incomplete)]


def _profiles(ctx: typer.Context, incomplete: str) -> list[str]:
    """Of the chip that is on the line already; of all chips where there is none yet."""
    recipes = settings().recipes
    chip = ctx.params.get("chip")
    try:
        catalogue = Catalogue(recipes)
        chips = [catalogue.chip(str(chip))] if chip else [catalogue.chip(name) for name in catalogue.names("chips")]
    except FlagReleaseError:
        # A shell that completes a word has nowhere to show an error.
        return []
    found = sorted({name for one in chips for name in one.profiles})
    return [name for name in found if name.startswith(incomplete)]


Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port (default: the bundle's).")]
Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile", help="Set this group of variables of the chip. May be repeated.", autocompletion=_profiles
    ),
]
Native = Annotated[bool, typer.Option("--native", help="Switch FlagOS off: the other side of the comparison.")]
Access = Annotated[
    str | None,
    typer.Option(
        "--access",
        help="Reach devices by their raw nodes or the vendor's toolkit (raw, toolkit).",
        autocompletion=_ways,
    ),
]
Print = Annotated[
    str | None,
    typer.Option(
        "--print",
        help="Print how it is started, and start nothing: docker (when no word follows), compose, quadlet, k8s. "
        "Of several machines: rank-table, hostfile.",
        autocompletion=_formats,
    ),
]


Nodes = Annotated[
    list[str] | None,
    typer.Option("--node", help="With --print: a machine of several, as ADDRESS or ADDRESS=DEVICE,DEVICE…"),
]


def way_of(text: str | None) -> Way | None:
    """The way that was asked for. Raises RecipeError for a word that is none."""
    if text is None:
        return None
    for way in WAYS:
        if text == way:
            return way
    raise RecipeError(f"wanted --access raw or toolkit, found `{text}`")


def format_of(text: str) -> str:
    """The format that was asked for. Raises RecipeError for a word that is none."""
    known = (*FORMATS, *FILES)
    if text not in known:
        raise RecipeError(f"`{text}` is no format to print", hint=f"there are: {', '.join(known)}")
    return text


def with_bare_print(words: list[str]) -> list[str]:
    """The words of the command line, with `docker` behind a `--print` that no format follows."""
    made: list[str] = []
    for number, word in enumerate(words):
        made.append(word)
        follows = words[number + 1] if number + 1 < len(words) else "-"
        # Neither an option nor an image is meant as a format; any other word is, be it a wrong one.
        if word == "--print" and (follows.startswith("-") or set(follows) & set("/:@")):
            made.append("docker")
    return made
