"""`--secret NAME=FILE`: what a build step reads and no layer, log or argument has."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")

Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", help="NAME=FILE of a build secret that a recipe's step reads. May be repeated."),
]


def secret_files(written: Iterable[str]) -> dict[str, Path]:
    """The files by their names. Raises BadParameter for a name that is none, and for what is no file."""
    found: dict[str, Path] = {}
    for text in written:
        name, equals, file = text.partition("=")
        path = Path(file).absolute()
        if not equals or not _NAME.fullmatch(name):
            raise typer.BadParameter(f"`--secret {name[:60]}`: wanted NAME=FILE, the name in small letters")
        if not path.is_file():
            raise typer.BadParameter(f"`--secret {name}=…`: {path} is not a file")
        found[name] = path
    return found
