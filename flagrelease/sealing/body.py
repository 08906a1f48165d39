"""One sealed patch: `line ‖ salt 32 ‖ ChaCha20-Poly1305(patch)`, under a key of its own made from the set's key."""

from typing import Final

from flagrelease.domain.value import Name, Value
from flagrelease.formats.canonical import canonical_json
from flagrelease.sealing import primitives
from flagrelease.sealing.keys import Hex16, Hex32

LINE: Final = b"flagrelease sealed patch v1\n"
_SALT: Final = 32
_INFO: Final = b"flagrelease.seal/v1 body"
OVERHEAD: Final = len(LINE) + _SALT + primitives.TAG
"""Bytes by which a sealed patch is longer than the patch."""

LARGEST: Final = 256 << 20
"""Bytes of a sealed patch: it is opened in memory, whole."""


class Place(Value):
    """Which set a patch belongs to. `id` is drawn when the set is sealed, so that two sealings never mix."""

    component: Name
    base: str
    chip: Name
    id: Hex16


def sealed_body(set_key: bytes, place: Place, file: str, patch: bytes) -> bytes:
    """The patch, encrypted, bound to its set and to its file's name."""
    salt = primitives.random(_SALT)
    key = primitives.derive(set_key, salt=salt, info=_INFO)
    return LINE + salt + primitives.encrypted(key, patch, _bound(place, file))


def opened_body(set_key: bytes, place: Place, file: str, data: bytes) -> bytes | None:
    """The patch, or None where it is not one that was sealed for this set under this name."""
    if len(data) < OVERHEAD or not data.startswith(LINE):
        return None
    salt, rest = data[len(LINE) : len(LINE) + _SALT], data[len(LINE) + _SALT :]
    key = primitives.derive(set_key, salt=salt, info=_INFO)
    return primitives.decrypted(key, rest, _bound(place, file))


def _bound(place: Place, file: str) -> bytes:
    return LINE + canonical_json({"place": place.model_dump(), "file": file})


def commitment(set_key: bytes, place: Place) -> Hex32:
    """What the signature says of the set's key, so that nobody can hand out another one for the same files.

    ChaCha20-Poly1305 alone does not see to it: one text can be made to open under two keys.
    """
    return primitives.derive(set_key, salt=bytes.fromhex(place.id), info=b"flagrelease.seal/v1 commitment").hex()
