"""The set's key for each recipient: wrapped anew for one more reader, while no patch is encrypted again."""

from collections.abc import Iterable
from typing import Final

from flagrelease.errors import SourceError
from flagrelease.formats.canonical import canonical_json
from flagrelease.sealing import primitives
from flagrelease.sealing.body import Place, commitment
from flagrelease.sealing.keys import PrivateKey, PublicKey
from flagrelease.sealing.seal import Recipient, Seal, Statement

_WRAP: Final = b"flagrelease.seal/v1 wrap"
_MAC: Final = b"flagrelease.seal/v1 recipients"


def wrapped(set_key: bytes, place: Place, to: PublicKey) -> Recipient:
    """The set's key, so that only the holder of `to` gets it. Raises SourceError where `to` is no real key."""
    ephemeral = primitives.random(primitives.KEY)
    public = primitives.opening_public(ephemeral)
    shared = primitives.agreed(ephemeral, bytes.fromhex(to.x25519))
    if shared is None:
        raise SourceError(f"the public key {to.shown} is a weak one", hint="ask its holder for a key by `patch keygen`")
    key = primitives.derive(shared, salt=public + bytes.fromhex(to.x25519), info=_WRAP)
    data = primitives.encrypted(key, set_key, _bound(place, to.id))
    return Recipient(name=to.name, key=to.id, ephemeral=public.hex(), wrapped=data.hex())


def unwrapped(seal: Seal, keys: Iterable[PrivateKey], where: str) -> bytes:
    """The set's key.

    Raises:
        SourceError: It is sealed for others, or the recipients were changed.
    """
    mine = {key.id: key for key in keys}
    for recipient in seal.recipients:
        if recipient.key in mine:
            set_key = _unwrapped(recipient, mine[recipient.key], seal.statement.place)
            if set_key is None or commitment(set_key, seal.statement.place) != seal.statement.commitment:
                raise SourceError(
                    f"{where}: what it holds for {recipient.name} ({recipient.key}) is damaged, or of another set",
                    hint="take the set again as the vendor sent it",
                )
            _check(seal, set_key, where)
            return set_key
    at_hand = ", ".join(key.public.shown for key in mine.values()) or "none"
    raise SourceError(
        f"{where} is sealed for {seal.readers}; the keys at hand: {at_hand}",
        hint="pass the right key with `--key`, or ask one of them to `patch rekey` it with `--for` your `.pub` file",
    )


def recipients_mac(set_key: bytes, statement: Statement, recipients: Iterable[Recipient]) -> str:
    """The code over the recipients of this statement."""
    key = primitives.derive(set_key, salt=bytes.fromhex(statement.place.id), info=_MAC)
    data = {"statement": statement.model_dump(), "recipients": [one.model_dump() for one in recipients]}
    return primitives.mac(key, canonical_json(data)).hex()


def _check(seal: Seal, set_key: bytes, where: str) -> None:
    key = primitives.derive(set_key, salt=bytes.fromhex(seal.statement.place.id), info=_MAC)
    data = {"statement": seal.statement.model_dump(), "recipients": [one.model_dump() for one in seal.recipients]}
    if not primitives.is_mac(key, canonical_json(data), bytes.fromhex(seal.recipients_mac)):
        raise SourceError(
            f"{where}: its recipients were changed by somebody who cannot open it",
            hint="take it from git's history, then `patch rekey` it",
        )


def _unwrapped(recipient: Recipient, mine: PrivateKey, place: Place) -> bytes | None:
    ephemeral = bytes.fromhex(recipient.ephemeral)
    shared = primitives.agreed(mine.opens, ephemeral)
    if shared is None:
        return None
    key = primitives.derive(shared, salt=ephemeral + bytes.fromhex(mine.public.x25519), info=_WRAP)
    return primitives.decrypted(key, bytes.fromhex(recipient.wrapped), _bound(place, recipient.key))


def _bound(place: Place, key: str) -> bytes:
    return canonical_json({"place": place.model_dump(), "key": key})
