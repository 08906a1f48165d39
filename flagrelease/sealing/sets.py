"""A whole set: sealed, checked, opened, and given other recipients. Pure: files come and go as bytes."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flagrelease.domain.patch_series import PatchFile, Series
from flagrelease.errors import SourceError
from flagrelease.sealing import primitives
from flagrelease.sealing.body import LARGEST, OVERHEAD, Place, commitment, opened_body, sealed_body
from flagrelease.sealing.keys import Keyring, PrivateKey, PublicKey
from flagrelease.sealing.recipients import recipients_mac, unwrapped, wrapped
from flagrelease.sealing.seal import (
    LARGEST_SEAL,
    LARGEST_SERIES,
    SEAL,
    SERIES,
    SUFFIX,
    Recipient,
    Seal,
    SignedFile,
    Statement,
    check_signature,
    read_seal,
    signed,
)
from flagrelease.sealing.series_text import WITHHELD, read_series, with_patches

Read: TypeAlias = Callable[[str, int], bytes]
"""A file of the set by its name, and no more than so many bytes of it."""

_ID = 16
_AGAIN = "take the set again as the vendor sent it"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A set whose every byte is what its vendor signed. `files` are the patches as they lie there, in their order."""

    where: str
    seal: Seal
    series: bytes
    signer: PublicKey
    files: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class NewSet:
    """What sealing makes: files to write, the new series.yaml and seal.json, and the plain files that go."""

    series: bytes
    seal: Seal
    files: Mapping[str, bytes]
    plain: tuple[str, ...]


def checked(read: Read, names: Collection[str], signers: Iterable[PublicKey], where: str) -> Checked:
    """Hold a set against its signature: place, series.yaml, every patch, their order, and that there is no other.

    Nothing is parsed before its signature is checked, except the seal; no file is read further than was signed.

    Raises:
        SourceError: A byte of it is not as it was signed, or it is signed by nobody who is trusted here.
    """
    seal = read_seal(read(SEAL, LARGEST_SEAL), f"{where}/{SEAL}")
    signer = check_signature(seal, signers, f"{where}/{SEAL}")
    statement = seal.statement
    series = read(SERIES, LARGEST_SERIES)
    if hashlib.sha256(series).hexdigest() != statement.series_sha256:
        raise SourceError(
            f"{where}/{SERIES} is not the one that {signer.shown} signed",
            hint=f"{_AGAIN}; whoever has the vendor's key may change it and `patch seal` the set again",
        )
    listed = {patch.file for patch in statement.patches}
    if strays := sorted(name for name in names if name.endswith((".patch", SUFFIX)) and name not in listed):
        raise SourceError(
            f"{where}/{strays[0]} is no part of the set that {signer.shown} signed",
            hint="remove it, or `patch seal` the set again with it; a plain patch beside its sealed one must not stay",
        )
    files = tuple(_signed_bytes(read, patch, where) for patch in statement.patches)
    return Checked(where=where, seal=seal, series=series, signer=signer, files=files)


def opened(found: Checked, keyring: Keyring) -> Iterator[bytes]:
    """Every patch of the set in its order, in plain text.

    Raises:
        SourceError: None of the keys opens it, which is said before the first patch; or the vendor signed a file that
            was not sealed for this set, which is said when its turn comes.
    """
    statement = found.seal.statement
    sealed = any(patch.sealed for patch in statement.patches)
    set_key = unwrapped(found.seal, keyring.private, f"{found.where}/{SEAL}") if sealed else b""
    return _texts(found, set_key)


def seal_set(
    found: Mapping[str, bytes],
    where: str,
    *,
    signer: PrivateKey,
    recipients: Sequence[PublicKey],
    only: Collection[str] | None = None,
    before: Seal | None = None,
) -> NewSet:
    """Seal the patches of a set that are not sealed yet, and sign the whole.

    Args:
        found: Every file of the set by its name, series.yaml among them.
        where: What messages call the set.
        signer: Who signs, and whose key opens `before`.
        recipients: Who can open it; with `before`, who can in addition.
        only: The plain patches that are to be sealed, by name; None means all.
        before: The seal of a set of which a part is sealed already. Its key is used on.

    Raises:
        SourceError: The files are not those of the series, or `before` is of another set.
    """
    series = read_series(found[SERIES], f"{where}/{SERIES}")
    if before is None and not recipients:
        raise SourceError(f"{where}: nobody could open it", hint="name a recipient with `--for`; yourself, too")
    if unknown := set(only or ()) - {patch.file for patch in series.patches if not patch.sealed}:
        raise SourceError(f"{where} has no plain patch {min(unknown)}", hint="take a name from its series.yaml")
    set_key, place, kept = _begun(series, signer, before, where)
    files: dict[str, bytes] = {}
    new: dict[int, PatchFile] = {}
    for number, patch in enumerate(series.patches):
        data = found.get(patch.file)
        if data is None or len(data) != patch.size or hashlib.sha256(data).hexdigest() != patch.sha256:
            raise SourceError(
                f"{where}/{patch.file} is not the file that {SERIES} lists", hint="`patch add` brings both together"
            )
        if patch.sealed:
            _check_still(patch, before, where)
        elif only is None or patch.file in only:
            new[number] = _sealed_file(patch, data, set_key, place, files)
    text = with_patches(found[SERIES], f"{where}/{SERIES}", new) if new else found[SERIES]
    listed = [new.get(number, patch) for number, patch in enumerate(series.patches)]
    statement = _statement(text, listed, set_key, place)
    added = [wrapped(set_key, place, one) for one in recipients]
    seal = _sealed(statement, set_key, [*kept, *added], signer)
    plain = tuple(series.patches[number].file for number in new)
    return NewSet(series=text, seal=seal, files=files, plain=plain)


def with_recipients(
    seal: Seal,
    where: str,
    *,
    keyring: Keyring,
    add: Sequence[PublicKey] = (),
    drop: Collection[str] = (),
    signer: PrivateKey | None = None,
) -> Seal:
    """The seal with other recipients, and with `signer` signed anew. Nothing else of the set changes.

    Raises:
        SourceError: None of the keys opens it, `drop` names a key that it is not sealed for, or nobody is left.
    """
    check_signature(seal, keyring.signers, where)
    set_key = unwrapped(seal, keyring.private, where)
    if unknown := set(drop) - {one.key for one in seal.recipients}:
        raise SourceError(f"{where} is not sealed for {min(unknown)}", hint=f"it is sealed for {seal.readers}")
    place = seal.statement.place
    kept = [one for one in seal.recipients if one.key not in drop]
    added = [wrapped(set_key, place, one) for one in add]
    if not kept and not added:
        raise SourceError(f"{where}: nobody could open it any more", hint="name a new recipient with `--for`")
    if signer is None:
        recipients = _by_key([*kept, *added])
        return seal.model_copy(
            update={"recipients": recipients, "recipients_mac": recipients_mac(set_key, seal.statement, recipients)}
        )
    return _sealed(seal.statement, set_key, [*kept, *added], signer)


def _signed_bytes(read: Read, patch: SignedFile, where: str) -> bytes:
    data = read(patch.file, patch.size + 1)
    if len(data) != patch.size or hashlib.sha256(data).hexdigest() != patch.sha256:
        length = f"more than {patch.size}" if len(data) > patch.size else str(len(data))
        raise SourceError(
            f"{where}/{patch.file} is damaged: wanted {patch.size} bytes with sha256 {patch.sha256}, "
            f"found {length} bytes that differ",
            hint=_AGAIN,
        )
    return data


def _texts(found: Checked, set_key: bytes) -> Iterator[bytes]:
    place = found.seal.statement.place
    for patch, data in zip(found.seal.statement.patches, found.files, strict=True):
        text = opened_body(set_key, place, patch.file, data) if patch.sealed else data
        if text is None:
            raise SourceError(
                f"{found.where}/{patch.file} was signed as it is, but it was not sealed for this set under this name",
                hint="ask the vendor to `patch seal` the set again",
            )
        yield text


def _begun(
    series: Series, signer: PrivateKey, before: Seal | None, where: str
) -> tuple[bytes, Place, tuple[Recipient, ...]]:
    """The set's key, its place, and who can open it already."""
    place = Place(component=series.component, base=series.base, chip=series.chip, id=primitives.random(_ID).hex())
    if before is None:
        return primitives.random(primitives.KEY), place, ()
    check_signature(before, [signer.public], f"{where}/{SEAL}")
    place = place.model_copy(update={"id": before.statement.place.id})
    if place != before.statement.place:
        raise SourceError(f"{where}/{SEAL} is of another set", hint=f"remove {SEAL} where no patch is sealed yet")
    return unwrapped(before, [signer], f"{where}/{SEAL}"), place, before.recipients


def _check_still(patch: PatchFile, before: Seal | None, where: str) -> None:
    """Only what was signed before is signed again: whoever opens a set could make files that open in it, too."""
    known = {one.file: one.sha256 for one in before.statement.patches if one.sealed} if before else {}
    if known.get(patch.file) != patch.sha256:
        raise SourceError(
            f"{where}/{patch.file} is sealed, but the set's {SEAL} does not have it so",
            hint=f"take the set with its {SEAL} as it was, or put the plain patch in its place",
        )


def _sealed_file(patch: PatchFile, data: bytes, set_key: bytes, place: Place, files: dict[str, bytes]) -> PatchFile:
    if len(data) > LARGEST - OVERHEAD:
        raise SourceError(f"{patch.file} has {len(data)} bytes; at most {LARGEST} are sealed", hint="split the patch")
    name = f"{patch.file}{SUFFIX}"
    files[name] = body = sealed_body(set_key, place, name, data)
    update = {
        "file": name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "sealed": True,
        "subject": None if patch.subject is None else WITHHELD,
    }
    return patch.model_copy(update=update)


def _statement(series: bytes, listed: Iterable[PatchFile], set_key: bytes, place: Place) -> Statement:
    return Statement(
        place=place,
        series_sha256=hashlib.sha256(series).hexdigest(),
        patches=tuple(SignedFile(file=p.file, sha256=p.sha256, size=p.size, sealed=p.sealed) for p in listed),
        commitment=commitment(set_key, place),
    )


def _sealed(statement: Statement, set_key: bytes, recipients: Sequence[Recipient], signer: PrivateKey) -> Seal:
    ordered = _by_key(recipients)
    return Seal(
        schema="flagrelease.seal/v1",
        statement=statement,
        signature=signed(statement, signer),
        recipients=ordered,
        recipients_mac=recipients_mac(set_key, statement, ordered),
    )


def _by_key(recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """By key id, each once: who is added again gets a new entry in place of the old."""
    return tuple(one for _, one in sorted({one.key: one for one in recipients}.items()))
