"""Keys and passphrases as the commands take them; a passphrase comes from a terminal or a descriptor, never argv."""

import getpass
import os
import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.sealed.key_files import key_folder, load_private, load_publics
from flagrelease.cli.settings import settings
from flagrelease.errors import SourceError
from flagrelease.sealing.keys import Keyring, PrivateKey, PublicKey

_LONGEST = 4096

Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="Private key to open with; may be repeated (default: all keys in your key folder)."),
]
Signers = Annotated[
    list[Path] | None,
    typer.Option("--signer", help="Public key, or a folder of them, whose signature is right (default: patches/keys)."),
]
For = Annotated[list[Path] | None, typer.Option("--for", help="Public key that shall open it; may be repeated.")]
PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", help="File descriptor whose first line is the passphrase.")
]


def own_keys(
    given: Sequence[Path] | None, fd: int | None, only: Collection[str] | None = None
) -> tuple[PrivateKey, ...]:
    """The private keys that were named, or those of the key folder; `only` those that can be of use."""
    folder = key_folder(settings().environ)
    paths = given or ([folder] if folder.is_dir() else [])
    return load_private(paths, _asking(fd), only=only)


def keyring(
    folder: Path, keys: Sequence[Path] | None, signers: Sequence[Path] | None, fd: int | None, only: Collection[str]
) -> Keyring:
    """What opens the set in the folder: the keys that it is sealed for, and the signers that are trusted."""
    return Keyring(private=own_keys(keys, fd, only), signers=trusted(folder, signers))


def trusted(folder: Path, signers: Sequence[Path] | None) -> tuple[PublicKey, ...]:
    """Keys whose signature is right: those named, or those that were committed to `patches/keys`."""
    committed = folder.resolve().parents[2] / "keys" if len(folder.resolve().parts) > 3 else folder  # noqa: PLR2004
    return load_publics(signers or ([committed] if committed.is_dir() else []))


def signing_key(given: Path | None, fd: int | None) -> PrivateKey:
    """The key that signs. Raises SourceError where none was named and there is not exactly one."""
    keys = own_keys([given] if given else None, fd)
    if len(keys) != 1:
        found = ", ".join(key.public.shown for key in keys) or "none"
        raise SourceError(
            f"wanted one private key to sign with, found {found}",
            hint="pass it with `--sign-with`; `flagrelease patch keygen NAME` makes one",
        )
    return keys[0]


def new_passphrase(fd: int | None) -> bytes:
    """The passphrase of a new key: asked twice on a terminal."""
    if fd is not None:
        return _from_descriptor(fd)
    first = _prompt("Passphrase of the new key: ")
    if first is None:
        raise typer.BadParameter("`--passphrase` asks on a terminal, and there is none; use `--passphrase-fd`")
    if first != _prompt("The same again: "):
        raise typer.BadParameter("the two passphrases differ")
    if not first:
        raise typer.BadParameter("the passphrase is empty; leave `--passphrase` out for a key without one")
    return first


def _asking(fd: int | None) -> Callable[[PublicKey], bytes | None]:
    known: list[bytes] = []

    def ask(key: PublicKey) -> bytes | None:
        if fd is None:
            return _prompt(f"Passphrase of {key.shown}: ")
        if not known:
            known.append(_from_descriptor(fd))
        return known[0]

    return ask


def _from_descriptor(fd: int) -> bytes:
    data = b""
    try:
        while len(data) < _LONGEST and b"\n" not in data and (part := os.read(fd, _LONGEST)):
            data += part
    except OSError as error:
        raise typer.BadParameter(f"`--passphrase-fd {fd}` cannot be read: {error.strerror}") from error
    passphrase = data.split(b"\n", 1)[0]
    if not passphrase:
        raise typer.BadParameter(f"`--passphrase-fd {fd}` has an empty first line")
    return passphrase


def _prompt(text: str) -> bytes | None:
    """What was typed, or None where there is no terminal that can keep it from being seen."""
    if not sys.stdin.isatty():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(text).encode()
        except (getpass.GetPassWarning, EOFError):
            return None
