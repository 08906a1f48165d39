"""Make a key: NAME.key, which is yours alone, and NAME.pub, which you give away.

The key opens what is sealed for you, and signs what you seal. Nothing is ever overwritten. Before you use somebody's
`.pub` file, compare the key id with its holder over another way than it came.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from flagrelease.adapters.sealed.key_files import key_folder, make_key, write_public
from flagrelease.adapters.sealed.memory import refuse_core_dumps
from flagrelease.cli.options import Json
from flagrelease.cli.patch.passphrases import PassphraseFd, new_passphrase
from flagrelease.cli.settings import settings
from flagrelease.domain.value import Name
from flagrelease.formats.canonical import pretty_json

KeyName = Annotated[str | None, typer.Argument(metavar="NAME", help="Who holds it, such as cambricon-release.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Where both files go (default: your key folder).")]
Locked = Annotated[bool, typer.Option("--passphrase", help="Lock it by a passphrase, asked on the terminal.")]
PublicOf = Annotated[Path | None, typer.Option("--public-of", help="Write the .pub file of this .key file again.")]


def keygen(
    name: KeyName = None,
    folder: Folder = None,
    locked: Locked = False,
    passphrase_fd: PassphraseFd = None,
    public_of: PublicOf = None,
    as_json: Json = False,
) -> None:
    """Write both files and say the key's id."""
    if (name is None) == (public_of is None):
        raise typer.BadParameter("wanted a name for a new key, or `--public-of` for one that is there")
    refuse_core_dumps()
    if public_of is not None:
        key, path = write_public(public_of)
    else:
        try:
            checked = TypeAdapter(Name).validate_python(name)
        except ValidationError:
            raise typer.BadParameter(f"the name `{name}`: wanted lower-case letters, digits, `-`, `_`, `.`") from None
        passphrase = new_passphrase(passphrase_fd) if locked or passphrase_fd is not None else None
        key, path = make_key(folder or key_folder(settings().environ), checked, passphrase)
    if as_json:
        sys.stdout.write(pretty_json({"name": key.name, "id": key.id, "public": str(path)}).decode())
    else:
        sys.stdout.write(f"{key.id}  {key.name}  {path}\n")
