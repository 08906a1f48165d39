"""Ed25519 keys that sign and that are trusted: of flagrelease, of OpenSSH, or PEM as `openssl genpkey` writes it."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from flagrelease.adapters.sealed.files import read_bounded
from flagrelease.adapters.sealed.key_files import PUBLIC, read_secret
from flagrelease.errors import SourceError
from flagrelease.sealing.detached import SigningKey, VerifyingKey, signing, ssh_fingerprint, verifying
from flagrelease.sealing.keys import PublicKey, read_private, read_public, unlocked

_LARGEST: Final = 64 << 10
_SSH_PRIVATE: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_PEM: Final = b"-----BEGIN "
_WANTED: Final = (
    "wanted an Ed25519 key: `patch keygen`, `ssh-keygen -t ed25519` or `openssl genpkey -algorithm ed25519`"
)

Ask = Callable[["Locked | PublicKey"], bytes | None]
"""Asks for the passphrase of a locked key."""


class Locked:
    """A locked key of which only its file is known."""

    def __init__(self, path: Path) -> None:
        self.shown = str(path)


def load_signing(path: Path, ask: Ask) -> SigningKey:
    """The key of a file that only its owner can read. Raises SourceError, which never holds a part of the key."""
    data = read_secret(path)
    if not data.startswith(_PEM):
        file = read_private(data, str(path))
        return signing(unlocked(file, ask(file.public) if file.locked else None, str(path)))
    secret = _private(data, path, ask)
    raw = secret.public_key().public_bytes_raw()
    public = VerifyingKey(name=_name(path.stem), id=ssh_fingerprint(raw), ed25519=raw)
    return SigningKey(public=public, secret=secret.private_bytes_raw())


def load_trusted(paths: Iterable[Path]) -> tuple[VerifyingKey, ...]:
    """Public keys of files and of folders, whose `.pub` and `.pem` files are meant, each once. Raises SourceError."""
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return tuple({key.id: key for key in map(_trusted, files)}.values())


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (PUBLIC, ".pem"))


def _trusted(path: Path) -> VerifyingKey:
    data = read_bounded(path, _LARGEST)
    if data.startswith(b"{"):
        return verifying(read_public(data, str(path)))
    try:
        key = load_pem_public_key(data) if data.startswith(_PEM) else load_ssh_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SourceError(f"{path} is no public key that can be read: {error}", hint=_WANTED) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SourceError(f"{path} is a key of another kind", hint=_WANTED)
    raw = key.public_bytes_raw()
    comment = b"" if data.startswith(_PEM) else data.strip().partition(b" ")[2].partition(b" ")[2]
    name = comment.decode("utf-8", "replace") or path.stem
    return VerifyingKey(name=_name(name), id=ssh_fingerprint(raw), ed25519=raw)


def _private(data: bytes, path: Path, ask: Ask) -> Ed25519PrivateKey:
    load = load_ssh_private_key if data.startswith(_SSH_PRIVATE) else load_pem_private_key
    key: object = None
    problem = ""
    try:
        key = load(data, None)
    except TypeError:
        # Both say so of a key that is locked.
        passphrase = ask(Locked(path))
        if passphrase is None:
            raise SourceError(
                f"{path}: the key is locked by a passphrase, and none was given",
                hint="run it on a terminal, or pass the passphrase with `--passphrase-fd`",
            ) from None
        try:
            key = load(data, passphrase)
        except (ValueError, TypeError):
            raise SourceError(
                f"{path}: the passphrase does not unlock the key, or the file is damaged", hint="try it again"
            ) from None
        except UnsupportedAlgorithm as error:
            problem = str(error)
    except (ValueError, UnsupportedAlgorithm):
        problem = "it is damaged, or in a format that is not known here"
    if problem:
        raise SourceError(f"{path} cannot be read: {problem}", hint=_WANTED)
    if not isinstance(key, Ed25519PrivateKey):
        raise SourceError(f"{path} is a key of another kind", hint=_WANTED)
    return key


def _name(text: str) -> str:
    """A comment is anybody's text; it is shown to people."""
    return re.sub(r"[^\w@.+-]+", "-", text)[:80].strip("-") or "unnamed"
