"""What several of the patch commands take: where the sets are, which chip is meant, clones, keys."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.adapters.patches.sets import NeedsKeyError, Opener, stored_sets
from flagrelease.adapters.storage.place import SIGN
from flagrelease.cli.patch.passphrases import Passphrases
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.errors import SourceError

Patches = Annotated[
    Path | None,
    typer.Option("--patches", help="Folder of the sets (default: FLAGRELEASE_PATCHES, or `patches` beside recipes)."),
]
Key = Annotated[
    list[Path] | None,
    typer.Option("--key", help="Private key that opens a sealed set; may be repeated (default: your key folder)."),
]
Signer = Annotated[
    list[Path] | None,
    typer.Option("--signer", help="Public key, or a folder of them, whose signature is right (default: patches/keys)."),
]


def patches_folder(given: Path | None) -> Path:
    """Where the sets are."""
    here = settings()
    named = given or here.environ.get("FLAGRELEASE_PATCHES")
    return Path(named) if named else here.recipes.resolve().parent / "patches"


def chip_meant(word: str, patches: Path) -> str:
    """A chip by name or alias: that of a set, however its capitals are, or one of the recipes. Raises SourceError."""
    known = {one.chip for one in stored_sets(patches)}
    for spelling in (word, word.lower()):
        if spelling in known:
            return spelling
    here = settings()
    if not (here.recipes / "chips").is_dir():
        raise SourceError(
            f"wanted the patches of a chip {word}, found those of {', '.join(sorted(known)) or 'none'} in {patches}",
            hint="name the folder with --patches or FLAGRELEASE_PATCHES, and the recipes with FLAGRELEASE_RECIPES",
        )
    return cached_catalogue(here).chip(word).name


def chip_of_new(word: str, patches: Path) -> str:
    """A chip by name or alias, for a set that is yet to be made; as it is written where there are no recipes."""
    is_known = (settings().recipes / "chips").is_dir() or any(one.chip == word for one in stored_sets(patches))
    return chip_meant(word, patches) if is_known else word


def tell_left_behind(patches: Path) -> None:
    """Say what a killed `patch seal` or `add` left beside a set: plain text may be in it, and git would commit it."""
    for left in sorted(patches.glob(f"*/*/.*{SIGN}*")):
        sys.stderr.write(
            f"{left} is being written, or was left by a run that was killed: remove it, or change its set again\n"
        )


def clones(named: Sequence[str] | None, components: Iterable[str]) -> dict[str, Repository]:
    """The clone of each component: `COMPONENT=PATH`, or a path alone where there is one component."""
    wanted = sorted(set(components))
    found = {}
    for text in named or ():
        component, sign, path = text.partition("=")
        if not sign:
            if len(wanted) > 1:
                raise typer.BadParameter(f"`--repo {text}`: wanted COMPONENT=PATH, for {', '.join(wanted)}")
            component, path = (wanted or [""])[0], text
        elif component not in wanted:
            raise typer.BadParameter(f"`--repo {text}`: no set of `{component}` is asked for, only {', '.join(wanted)}")
        found[component] = repository_at(Path(path))
    return found


def opener(keys: Sequence[Path] | None, signers: Sequence[Path] | None, passphrase_fd: int | None) -> Opener:
    """Opens sealed sets with the keys that fit each. What it needs is loaded when there is one."""
    ask = Passphrases(passphrase_fd)

    def opened(folder: Path) -> Iterable[bytes]:
        from flagrelease.adapters.sealed.set_folder import needed_keys, open_series, seal_of  # noqa: PLC0415 - slow
        from flagrelease.cli.patch.keyring import keyring  # noqa: PLC0415 - loads cryptography

        recipients = {one.key for one in seal_of(folder).recipients}
        ring = keyring(folder, keys, signers, ask, recipients)
        if not ring.private:
            who = " or ".join(needed_keys(folder))
            raise NeedsKeyError(f"{folder} is sealed for {who}, and none of the keys here is one of them")
        return open_series(folder, ring)

    return opened
