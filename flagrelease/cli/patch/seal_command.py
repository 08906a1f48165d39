"""Seal a set's patches for those who may read them, and sign the whole set.

Plain patches become `.sealed` files; series.yaml and its `.sealed` files are signed in their order, byte for byte.
Run it again after a change: what is sealed stays as it is, what is new is sealed, and all is signed anew. What stays
readable: series.yaml, names and sizes of the files. If the plain patches were ever committed, git's history has them.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.sealed.key_files import load_publics
from flagrelease.adapters.sealed.set_folder import seal_folder
from flagrelease.cli.options import Json
from flagrelease.cli.patch.keyring import For, signing_key
from flagrelease.cli.patch.passphrases import PassphraseFd, Passphrases
from flagrelease.formats.canonical import pretty_json

Set = Annotated[Path, typer.Argument(metavar="SET", help="patches/<component>/<base commit>/<chip>")]
SignWith = Annotated[Path | None, typer.Option("--sign-with", help="Private key that signs (default: your only one).")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Seal only this patch file; may be repeated.")]


def seal(
    set_: Set,
    for_: For = None,
    sign_with: SignWith = None,
    only: Only = None,
    passphrase_fd: PassphraseFd = None,
    as_json: Json = False,
) -> None:
    """Seal the set in its place."""
    signer = signing_key(sign_with, Passphrases(passphrase_fd))
    new = seal_folder(set_, signer=signer, recipients=load_publics(for_ or []), only=only)
    if as_json:
        readers = [{"name": one.name, "key": one.key} for one in new.seal.recipients]
        data = {"set": str(set_), "sealed": sorted(new.files), "recipients": readers, "signer": signer.id}
        sys.stdout.write(pretty_json(data).decode())
        return
    sys.stdout.write(f"sealed {len(new.files)} of {len(new.seal.statement.patches)} patches for {new.seal.readers}\n")
    sys.stderr.write("everybody can still read series.yaml and the names of the files\n")
    if signer.id not in {one.key for one in new.seal.recipients}:
        sys.stderr.write("the key that signed cannot open it: to seal further patches later, name its .pub file, too\n")
