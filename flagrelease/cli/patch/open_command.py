"""Check a sealed set and open it in memory; with `--to` or `--file`, give out its plain text.

Without either, nothing is written: it says whether all bytes are as they were signed and whether your key opens all.
FlagScale's `.encrypted` files are read as well. Nothing in them shows a change, so their sha256 has to be named.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.sealed.files import read_bounded, write_new
from flagrelease.adapters.sealed.key_files import load_flagscale
from flagrelease.adapters.sealed.memory import refuse_core_dumps
from flagrelease.adapters.sealed.set_folder import open_series, seal_of, write_opened
from flagrelease.cli.options import Json
from flagrelease.cli.patch.keyring import Keys, Signers, keyring
from flagrelease.cli.patch.passphrases import PassphraseFd, Passphrases
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.sealing.body import LARGEST
from flagrelease.sealing.flagscale import read_flagscale
from flagrelease.sealing.keys import Keyring
from flagrelease.sealing.seal import SUFFIX

Source = Annotated[
    Path, typer.Argument(metavar="SET", help="The set's folder, or an `.encrypted` file of FlagScale's.")
]
Folder = Annotated[Path | None, typer.Option("--to", help="New folder for the plain patches; only you can read it.")]
One = Annotated[str | None, typer.Option("--file", help="Print this patch on stdout.")]
FlagScale = Annotated[Path | None, typer.Option("--flagscale-key", help="FlagScale's private_key.pem or its folder.")]
Pin = Annotated[str | None, typer.Option("--sha256", help="What the `.encrypted` file's sha256 must be.")]


def open(  # noqa: A001 - the command's name; the builtin is not used here
    source: Source,
    to: Folder = None,
    file: One = None,
    key: Keys = None,
    signer: Signers = None,
    passphrase_fd: PassphraseFd = None,
    flagscale_key: FlagScale = None,
    sha256: Pin = None,
    as_json: Json = False,
) -> None:
    """Open the set or the file."""
    if to is not None and file is not None:
        raise typer.BadParameter("`--to` writes all patches, `--file` prints one: use one of both")
    refuse_core_dumps()
    if flagscale_key is not None or sha256 is not None:
        if flagscale_key is None or sha256 is None:
            raise typer.BadParameter("an `.encrypted` file needs both `--flagscale-key` and `--sha256`")
        _open_flagscale(source, flagscale_key, sha256, to)
        return
    seal = seal_of(source)
    keys = keyring(source, key, signer, Passphrases(passphrase_fd), {one.key for one in seal.recipients})
    if file is not None:
        _print(source, keys, file)
        return
    sizes = {
        patch.file: len(text) for patch, text in zip(seal.statement.patches, open_series(source, keys), strict=True)
    }
    if to is not None:
        write_opened(source, keys, _new_folder(to))
        sys.stderr.write(f"the plain text is in {to}: remove the folder when you are done\n")
    if as_json:
        sys.stdout.write(pretty_json({"set": str(source), "patches": sizes, "signer": seal.signature.key}).decode())
    else:
        total = sum(sizes.values())
        by = f"{seal.signature.name} ({seal.signature.key})"
        sys.stdout.write(f"{len(sizes)} patches, {total} bytes, all as signed by {by}\n")


def _print(source: Path, keys: Keyring, file: str) -> None:
    patches = seal_of(source).statement.patches
    for patch, text in zip(patches, open_series(source, keys), strict=True):
        if file in {patch.file, patch.file.removesuffix(SUFFIX)}:
            sys.stdout.buffer.write(text)
            return
    raise SourceError(f"{source} has no patch {file}", hint="take a name from its series.yaml")


def _open_flagscale(source: Path, key: Path, sha256: str, to: Path | None) -> None:
    text = read_flagscale(read_bounded(source, LARGEST), load_flagscale(key), sha256, str(source))
    if to is None:
        sys.stdout.buffer.write(text)
        return
    write_new(_new_folder(to) / source.name.removesuffix(".encrypted"), text, 0o600)
    sys.stderr.write(f"the plain text is in {to}: remove the folder when you are done\n")


def _new_folder(folder: Path) -> Path:
    """A folder that was not there, outside of every repository, where plain text would be committed one day."""
    if folder.exists() or folder.is_symlink():
        raise SourceError(f"{folder} is there already", hint="name a folder that is not")
    above = next((one for one in folder.absolute().parents if (one / ".git").exists()), None)
    if above is not None:
        raise SourceError(
            f"{folder} is in the git repository {above}, where the plain text may be committed",
            hint="name a folder outside of it",
        )
    folder.mkdir(mode=0o700)
    return folder
