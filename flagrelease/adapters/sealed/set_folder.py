"""Sealed sets in their folders: opened for a stage, sealed in place, and given other recipients."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flagrelease.adapters.sealed.files import read_bounded, write_new
from flagrelease.adapters.sealed.memory import refuse_core_dumps
from flagrelease.adapters.storage.disk import sync_folder
from flagrelease.adapters.storage.place import beside, changing, left_behind, put_in_place
from flagrelease.adapters.storage.private_folder import private_folder
from flagrelease.domain.patch_series import BASE_DIGITS
from flagrelease.errors import SourceError
from flagrelease.sealing.body import LARGEST, Place
from flagrelease.sealing.keys import Keyring, PrivateKey, PublicKey
from flagrelease.sealing.seal import LARGEST_SEAL, LARGEST_SERIES, SEAL, SERIES, SUFFIX, Seal, read_seal, written
from flagrelease.sealing.series_text import read_series
from flagrelease.sealing.sets import Checked, NewSet, Read, checked, opened, seal_set, with_recipients

_OPENED = "flagrelease-open-"


def is_sealed(folder: Path) -> bool:
    """Whether the set in the folder has a seal."""
    return (folder / SEAL).is_file()


def seal_of(folder: Path) -> Seal:
    """The seal as it lies there, not checked: who can open it, who is said to have signed it. Raises SourceError."""
    if not (folder / SEAL).exists():
        raise SourceError(f"{folder} is no sealed set: it has no {SEAL}", hint="`patch seal` seals a plain set")
    return read_seal(read_bounded(folder / SEAL, LARGEST_SEAL), str(folder / SEAL))


def needed_keys(folder: Path) -> tuple[str, ...]:
    """The ids of the keys of which one is needed, as `name (id)`."""
    return tuple(f"{one.name} ({one.key})" for one in seal_of(folder).recipients)


def check_series(folder: Path, signers: Iterable[PublicKey]) -> Checked:
    """Hold every byte of the set against its signature; needs no private key. Raises SourceError."""
    found = checked(_reader(folder), _names(folder), signers, str(folder))
    _check_place(folder, found.seal.statement.place)
    return found


def open_series(folder: Path, keys: Keyring) -> Iterator[bytes]:
    """Every patch of a sealed set in its order, in plain text, in memory only.

    The whole set is checked before this returns.

    Raises:
        SourceError: A byte is not as it was signed, the signer is not trusted, or none of the keys opens it.
    """
    return open_set(folder, keys)[1]


def open_set(folder: Path, keys: Keyring) -> tuple[Checked, Iterator[bytes]]:
    """The same with the set as it was checked: its signer, and the very bytes of series.yaml that were signed."""
    refuse_core_dumps()
    found = check_series(folder, keys.signers)
    return found, opened(found, keys)


@contextmanager
def opened_folder(folder: Path, keys: Keyring) -> Iterator[Path]:
    """The patches in plain text as files of a private folder, for the time of a stage, then gone."""
    with private_folder(_OPENED) as here:
        write_opened(folder, keys, here)
        yield here


def write_opened(folder: Path, keys: Keyring, to: Path) -> tuple[str, ...]:
    """The patches in plain text into a folder that is private already. Returns their names, without `.sealed`."""
    found, texts = open_set(folder, keys)
    names = tuple(patch.file.removesuffix(SUFFIX) for patch in found.seal.statement.patches)
    for name, text in zip(names, texts, strict=True):
        write_new(to / name, text, 0o600)
    return names


def seal_folder(
    folder: Path, *, signer: PrivateKey, recipients: Sequence[PublicKey], only: Collection[str] | None = None
) -> NewSet:
    """Seal the set in its place, or what of it is not sealed yet, and remove the plain files.

    The sealed set is made beside the plain one and takes its place in one step. A kill before it leaves the plain set
    as it was; one after it, the sealed set, and what it left of the plain one is removed by the next change of the set.

    Raises:
        SourceError: The set is not what it says, or its plain files could not be removed.
    """
    refuse_core_dumps()
    place = folder.resolve()
    with changing(place):
        names = _names(place)
        found, before = _to_seal(place)
        new = seal_set(found, str(folder), signer=signer, recipients=recipients, only=only, before=before)
        files = {**new.files, SEAL: written(new.seal), SERIES: new.series}
        # A note for readers, and what is sealed already.
        others = set(names) - {*new.plain, *files}
        with beside(place) as (made, _):
            for name, data in {**{other: read_bounded(place / other, LARGEST) for other in others}, **files}.items():
                write_new(made / name, data, 0o644)
            put_in_place(made, place)
        if left := left_behind(place):
            hint = "remove that folder"
            raise SourceError(f"the set is sealed, but its plain files are still in {left[0]}", hint=hint)
    return new


def _to_seal(place: Path) -> tuple[dict[str, bytes], Seal | None]:
    """The files of the set, and the seal of what is sealed of it already."""
    text = read_bounded(place / SERIES, LARGEST_SERIES)
    series = read_series(text, str(place / SERIES))
    _check_place(place, Place(component=series.component, base=series.base, chip=series.chip, id="0" * 32))
    found = {patch.file: read_bounded(place / patch.file, LARGEST) for patch in series.patches}
    found[SERIES] = text
    # Without a sealed patch there is nothing that a seal could be kept for.
    return found, seal_of(place) if any(patch.sealed for patch in series.patches) else None


def rekey_folder(
    folder: Path,
    *,
    keyring: Keyring,
    add: Sequence[PublicKey] = (),
    drop: Collection[str] = (),
    signer: PrivateKey | None = None,
) -> Seal:
    """Give the set other recipients. Only its seal.json is written. Raises SourceError."""
    refuse_core_dumps()
    place = folder.resolve()
    with changing(place):
        _names(place)
        found = check_series(place, keyring.signers)
        seal = with_recipients(found.seal, str(folder / SEAL), keyring=keyring, add=add, drop=drop, signer=signer)
        with beside(place) as (made, _):
            write_new(made / SEAL, written(seal), 0o644)
            (made / SEAL).replace(place / SEAL)
            sync_folder(place)
    return seal


def _reader(folder: Path) -> Read:
    def read(name: str, most: int) -> bytes:
        return read_bounded(folder / name, most)

    return read


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(
            f"there is no folder {folder}", hint="a set is patches/<component>/<base commit, 12 digits>/<chip>"
        ) from None


def _check_place(folder: Path, place: Place) -> None:
    """A set that is copied whole to another chip or commit is signed as well; it is still not for there."""
    wanted = (place.component, place.base[:BASE_DIGITS], place.chip)
    found = folder.resolve().parts[-3:]
    if found != wanted:
        raise SourceError(
            f"{folder} holds the set of {'/'.join(wanted)}", hint=f"a set is opened in its place: …/{'/'.join(wanted)}"
        )
