"""Keys as the commands take them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.sealed.key_files import key_folder, load_private, load_publics
from flagrelease.cli.patch.passphrases import Passphrases
from flagrelease.cli.settings import settings
from flagrelease.errors import SourceError
from flagrelease.sealing.keys import Keyring, PrivateKey, PublicKey

Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="Private key to open with; may be repeated (default: all keys in your key folder)."),
]
Signers = Annotated[
    list[Path] | None,
    typer.Option("--signer", help="Public key, or a folder of them, whose signature is right (default: patches/keys)."),
]
For = Annotated[list[Path] | None, typer.Option("--for", help="Public key that shall open it; may be repeated.")]


def own_keys(
    given: Sequence[Path] | None, ask: Passphrases, only: Collection[str] | None = None
) -> tuple[PrivateKey, ...]:
    """The private keys that were named, or those of the key folder; `only` those that can be of use."""
    folder = key_folder(settings().environ)
    paths = given or ([folder] if folder.is_dir() else [])
    return load_private(paths, ask, only=only)


def keyring(
    folder: Path,
    keys: Sequence[Path] | None,
    signers: Sequence[Path] | None,
    ask: Passphrases,
    only: Collection[str],
) -> Keyring:
    """What opens the set in the folder: the keys that it is sealed for, and the signers that are trusted."""
    return Keyring(private=own_keys(keys, ask, only), signers=trusted(folder, signers))


def trusted(folder: Path, signers: Sequence[Path] | None) -> tuple[PublicKey, ...]:
    """Keys whose signature is right: those named, or those that were committed to `patches/keys`."""
    committed = folder.resolve().parents[2] / "keys" if len(folder.resolve().parts) > 3 else folder  # noqa: PLR2004
    return load_publics(signers or ([committed] if committed.is_dir() else []))


def signing_key(given: Path | None, ask: Passphrases) -> PrivateKey:
    """The key that signs. Raises SourceError where none was named and there is not exactly one."""
    keys = own_keys([given] if given else None, ask)
    if len(keys) != 1:
        found = ", ".join(key.public.shown for key in keys) or "none"
        raise SourceError(
            f"wanted one private key to sign with, found {found}",
            hint="pass it with `--sign-with`; `flagrelease patch keygen NAME` makes one",
        )
    return keys[0]
