"""`seal.json`: what a set consists of, signed, and the set's key for each recipient. Values, reading and writing."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from flagrelease.domain.value import Name, RelativePath, Sha256, Value
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import canonical_json, pretty_json
from flagrelease.sealing import primitives
from flagrelease.sealing.body import LARGEST, Place
from flagrelease.sealing.keys import Hex32, Hex48, Hex64, KeyId, PrivateKey, PublicKey, read_json

SEAL: Final = "seal.json"
SERIES: Final = "series.yaml"
LARGEST_SEAL: Final = 16 << 20
LARGEST_SERIES: Final = 4 << 20
SUFFIX: Final = ".sealed"


class SignedFile(Value):
    """A patch of the set as it lies there: encrypted where `sealed`."""

    file: RelativePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0, le=LARGEST)]
    sealed: bool


class Statement(Value):
    """What is signed: the set's place, the very bytes of its series.yaml, its patches in their order, its key."""

    place: Place
    series_sha256: Sha256
    patches: tuple[SignedFile, ...] = Field(min_length=1)
    commitment: Hex32

    @model_validator(mode="after")
    def _has_each_once(self) -> Self:
        if len({patch.file for patch in self.patches}) != len(self.patches):
            raise ValueError("a patch is there twice")
        return self


class Recipient(Value):
    """The set's key for one key's holder."""

    name: Name
    key: KeyId
    ephemeral: Hex32
    wrapped: Hex48


class Signature(Value):
    """Whose signature it is, and the signature."""

    name: Name
    key: KeyId
    ed25519: Hex64


class Seal(Value):
    """The whole of `seal.json`. `recipients_mac` is a code under the set's key over the recipients.

    The recipients are not signed, so that a set gets another reader without the vendor's signature, and no file of it
    changes but this one.
    """

    schema_: Literal["flagrelease.seal/v1"] = Field(alias="schema")
    statement: Statement
    signature: Signature
    recipients: tuple[Recipient, ...] = Field(min_length=1, max_length=1000)
    recipients_mac: Hex32

    @model_validator(mode="after")
    def _has_each_once(self) -> Self:
        keys = [one.key for one in self.recipients]
        if keys != sorted(set(keys)):
            raise ValueError("wanted recipients by key id, each once")
        return self

    @property
    def readers(self) -> str:
        """Who can open it, for people."""
        return ", ".join(f"{one.name} ({one.key})" for one in self.recipients)


def written(seal: Seal) -> bytes:
    """The file."""
    return pretty_json(seal)


def read_seal(data: bytes, where: str) -> Seal:
    """The file's value. Raises SourceError where it is not exactly what `written` makes."""
    hint = "take it as the vendor sent it; git must not change line ends: `patches/** -text` in .gitattributes"
    return read_json(Seal, data, where, "seal", hint)


def signed(statement: Statement, signer: PrivateKey) -> Signature:
    """The vendor's signature of the statement."""
    made = primitives.signature(signer.signs, _message(statement)).hex()
    return Signature(name=signer.public.name, key=signer.id, ed25519=made)


def check_signature(seal: Seal, signers: Iterable[PublicKey], where: str) -> PublicKey:
    """Whose signature it is. Raises SourceError where it is not that of a trusted key."""
    trusted = {one.id: one for one in signers}
    claimed = f"{seal.signature.name} ({seal.signature.key})"
    signer = trusted.get(seal.signature.key)
    if signer is None:
        known = ", ".join(one.shown for one in trusted.values()) or "none"
        raise SourceError(
            f"{where} says it is signed by {claimed}; keys that are trusted here: {known}",
            hint="compare the vendor's key id with the vendor, then pass the `.pub` file with `--signer` "
            "or put it into patches/keys/",
        )
    found = bytes.fromhex(seal.signature.ed25519)
    message = _message(seal.statement)
    if seal.signature.name != signer.name or not primitives.is_signature(bytes.fromhex(signer.ed25519), message, found):
        raise SourceError(
            f"{where}: the signature of {claimed} does not fit: the set was changed after it was signed",
            hint="take the set again as the vendor sent it, or ask the vendor to `patch seal` it again",
        )
    return signer


def _message(statement: Statement) -> bytes:
    return b"flagrelease.seal/v1 statement\n" + canonical_json(statement)
