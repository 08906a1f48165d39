"""Change who can open sealed sets. Only their seal.json is written: no patch is encrypted again, no hash changes.

Whoever could open a set keeps what was read until now: a dropped key is kept from nothing but this file. For patches
that a former reader must never see, open the set, and seal it as a new one.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.sealed.key_files import load_public, load_publics
from flagrelease.adapters.sealed.set_folder import rekey_folder, seal_of
from flagrelease.cli.options import Json
from flagrelease.cli.patch.keyring import For, Keys, Signers, keyring, signing_key
from flagrelease.cli.patch.passphrases import PassphraseFd, Passphrases
from flagrelease.formats.canonical import pretty_json

Sets = Annotated[list[Path], typer.Argument(metavar="SET...", help="The folders of the sets.")]
Drop = Annotated[list[str] | None, typer.Option("--drop", help="Key id or .pub file that is taken out.")]
SignWith = Annotated[
    Path | None, typer.Option("--sign-with", help="Private key that signs anew, where the vendor changed keys.")
]


def rekey(
    sets: Sets,
    for_: For = None,
    drop: Drop = None,
    key: Keys = None,
    signer: Signers = None,
    sign_with: SignWith = None,
    passphrase_fd: PassphraseFd = None,
    as_json: Json = False,
) -> None:
    """Give the sets other recipients."""
    if not (for_ or drop or sign_with):
        raise typer.BadParameter("wanted a change: `--for`, `--drop` or `--sign-with`")
    add = load_publics(for_ or [])
    gone = [load_public(Path(one)).id if one.endswith(".pub") else one for one in drop or []]
    ask = Passphrases(passphrase_fd)
    new_signer = signing_key(sign_with, ask) if sign_with else None
    done = {}
    for folder in sets:
        only = {one.key for one in seal_of(folder).recipients}
        ring = keyring(folder, key, signer, ask, only)
        seal = rekey_folder(folder, keyring=ring, add=add, drop=gone, signer=new_signer)
        done[str(folder)] = [{"name": one.name, "key": one.key} for one in seal.recipients]
        if not as_json:
            sys.stdout.write(f"{folder}: sealed for {seal.readers}\n")
    if as_json:
        sys.stdout.write(pretty_json(done).decode())
