"""What the commands on baselines take, and what they have in common."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.cli.patch.keyring import signing_key
from flagrelease.cli.patch.passphrases import Passphrases
from flagrelease.cli.settings import settings
from flagrelease.domain.answers import Record
from flagrelease.domain.value import Value
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.pipeline import Run
from flagrelease.sealing.detached import SigningKey, signing

EVALUATE = Run.place("evaluate")
_V = TypeVar("_V", bound=Value)


def _names(incomplete: str) -> Iterator[str]:
    return (name for name in Baselines(settings().recipes).names() if name.startswith(incomplete))


BaselineName = Annotated[
    str, typer.Argument(metavar="NAME", help="MODEL/STACK, below recipes/baselines.", autocompletion=_names)
]
SignWith = Annotated[
    Path | None,
    typer.Option("--sign-with", help="Ed25519 private key: of `patch keygen`, of OpenSSH, or PEM."),
]
Trusted = Annotated[
    list[Path] | None,
    typer.Option("--trusted", help="Public key, or folder of them, whose signature counts as well. May be repeated."),
]
Day = Annotated[datetime | None, typer.Option("--today", formats=["%Y-%m-%d"], help="Judge as of this day.")]


def signer(path: Path | None, passphrase_fd: int | None) -> SigningKey | None:
    """The key that signs, where one was named. Raises SourceError."""
    if path is None:
        return None
    ask = Passphrases(passphrase_fd)
    if path.is_file():
        from flagrelease.adapters.sealed.signing_keys import load_signing  # noqa: PLC0415 - loads cryptography

        return load_signing(path, ask)
    return signing(signing_key(path, ask))


def records_in(path: Path) -> tuple[Record, ...]:
    """The records of a harness's files, or of what a bundle answered in its evaluate stage. Raises RecipeError."""
    for stage in (path / EVALUATE, path):
        if (stage / "verdict.json").is_file() and (stage / "target").is_dir():
            return records_of(Sources(ResultFiles(stage / "target")))
    return records_of(Sources(ResultFiles(path)))


def built_value(kind: type[_V], **fields: object) -> _V:
    """A value from what a person gave. Raises BadParameter with the first fault in it."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise typer.BadParameter(f"{where}: {first['msg']}" if where else first["msg"]) from error


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE`, each name once. Raises BadParameter."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals or name in found:
            raise typer.BadParameter(f"{option}: wanted NAME=VALUE, each name once, found {word[:80]!r}")
        found[name] = value
    return found
