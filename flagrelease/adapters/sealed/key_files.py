"""Keys on a disk: `NAME.key`, for its owner's eyes only, and `NAME.pub` beside it."""

import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from flagrelease.adapters.sealed.files import read_bounded, write_new
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.sealing.flagscale import FlagScaleKey
from flagrelease.sealing.keys import PrivateKey, PublicKey, new_key, read_private, read_public, stored, unlocked

PRIVATE, PUBLIC = ".key", ".pub"
_LARGEST = 64 << 10
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def key_folder(environ: Mapping[str, str]) -> Path:
    """Where keys are by default: below the XDG configuration folder, not below the cache, which may be emptied."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flagrelease" / "keys"


def make_key(folder: Path, name: str, passphrase: bytes | None) -> tuple[PublicKey, Path]:
    """A new pair of files. Returns the public key and where it is.

    Raises:
        SourceError: One of the two files is there already: both stay as they are.
    """
    private, public = folder / f"{name}{PRIVATE}", folder / f"{name}{PUBLIC}"
    if private.exists() or private.is_symlink():
        lost = f"`patch keygen --public-of {private}` writes its {PUBLIC} file again; " if not public.exists() else ""
        raise SourceError(f"{private} is there already, and is never overwritten", hint=f"{lost}choose another name")
    if public.exists() or public.is_symlink():
        raise SourceError(
            f"{public} is there already, and is never overwritten",
            hint=f"its private half may be elsewhere: find {private.name}, or choose another name",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key(name)
    write_new(private, stored(key, passphrase), 0o600)
    write_new(public, pretty_json(key.public), 0o644)
    return key.public, public


def write_public(private: Path) -> tuple[PublicKey, Path]:
    """The public file of a private one, written again. Raises SourceError where there is one already."""
    key = read_private(read_secret(private), str(private)).public
    path = private.with_suffix(PUBLIC)
    write_new(path, pretty_json(key), 0o644)
    return key, path


def load_public(path: Path) -> PublicKey:
    """A public key. Raises SourceError."""
    return read_public(read_bounded(path, _LARGEST), str(path))


def load_publics(paths: Iterable[Path]) -> tuple[PublicKey, ...]:
    """Public keys of files and of folders, whose `.pub` files are meant, each once."""
    files = [file for path in paths for file in (sorted(path.glob(f"*{PUBLIC}")) if path.is_dir() else [path])]
    return tuple({key.id: key for key in map(load_public, files)}.values())


def load_private(
    paths: Iterable[Path], ask: Callable[[PublicKey], bytes | None], *, only: Collection[str] | None = None
) -> tuple[PrivateKey, ...]:
    """The private keys of these files.

    Args:
        paths: `.key` files, and folders whose `.key` files are meant.
        ask: Asks for the passphrase of a locked key.
        only: The ids that can be of use: no passphrase is asked for another.

    Raises:
        SourceError: A file is no key, others may read it, or a passphrase is wrong.
    """
    files = [file for path in paths for file in (sorted(path.glob(f"*{PRIVATE}")) if path.is_dir() else [path])]
    keys = []
    for path in files:
        file = read_private(read_secret(path), str(path))
        if only is not None and file.public.id not in only:
            continue
        passphrase = ask(file.public) if file.locked else None
        keys.append(unlocked(file, passphrase, str(path)))
    return tuple(keys)


def load_flagscale(path: Path) -> FlagScaleKey:
    """FlagScale's private key: the file, or the folder that its `--key-path` names. Raises SourceError."""
    file = path / "private_key.pem" if path.is_dir() else path
    return FlagScaleKey(read_secret(file), str(file))


def read_secret(path: Path) -> bytes:
    """The bytes of a private key. Raises SourceError where others on this machine may read it."""
    data = read_bounded(path, _LARGEST)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise SourceError(
            f"{path} is a private key that others on this machine may use: its mode is {mode:04o}",
            hint=f"chmod 600 {path}; if others were on the machine, make a new key and `patch rekey`",
        )
    return data
