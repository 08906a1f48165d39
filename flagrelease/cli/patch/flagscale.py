"""What import and export share: chips by FlagScale's words for them, its keys, and sealing what it had encrypted."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from flagrelease.adapters.flagscale.importing import Sealer
from flagrelease.adapters.flagscale.unit_changes import Decrypt
from flagrelease.adapters.sealed.memory import refuse_core_dumps
from flagrelease.cli.patch.passphrases import Passphrases
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings


def known_chips() -> dict[str, str]:
    """Every chip's name by its names and aliases. Raises RecipeError where a recipe cannot be read."""
    catalogue = cached_catalogue(settings())
    chips = [catalogue.chip(name) for name in catalogue.names("chips")]
    return {word: chip.name for chip in chips for word in (*chip.aliases, chip.name)}


def named_chip(word: str) -> str:
    """A chip's name by a word for it. Raises RecipeError where no recipe has it."""
    return cached_catalogue(settings()).chip(word).name


def decrypter(folder: Path) -> Decrypt:
    """Opens FlagScale's encrypted files in memory. Raises SourceError where the key cannot be read."""
    from flagrelease.adapters.sealed.key_files import load_flagscale  # noqa: PLC0415 - loads cryptography
    from flagrelease.sealing.flagscale import read_flagscale  # noqa: PLC0415 - the same

    refuse_core_dumps()
    key = load_flagscale(folder)

    def decrypt(data: bytes, where: str) -> bytes:
        # Nothing but the checkout says what the file's hash must be; the import tells that.
        return read_flagscale(data, key, hashlib.sha256(data).hexdigest(), where)

    return decrypt


def sealer(recipients: Sequence[Path], sign_with: Path, passphrase_fd: int | None) -> Sealer:
    """Seals the files of a set in memory. Raises SourceError where a key cannot be read."""
    from flagrelease.adapters.sealed.key_files import load_publics  # noqa: PLC0415 - loads cryptography
    from flagrelease.cli.patch.keyring import signing_key  # noqa: PLC0415 - the same
    from flagrelease.sealing.seal import SEAL, SERIES, written  # noqa: PLC0415 - the same
    from flagrelease.sealing.sets import seal_set  # noqa: PLC0415 - the same

    signer, public = signing_key(sign_with, Passphrases(passphrase_fd)), load_publics(recipients)

    def seal(files: Mapping[str, bytes], where: str) -> Mapping[str, bytes]:
        new = seal_set(files, where, signer=signer, recipients=public)
        return {**new.files, SERIES: new.series, SEAL: written(new.seal)}

    return seal
