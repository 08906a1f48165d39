"""Keys of people: an X25519 half that opens and an Ed25519 half that signs, as files and in memory."""

import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from flagrelease.domain.value import Name, Value
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import canonical_json, pretty_json
from flagrelease.sealing import primitives

Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex48 = Annotated[str, Field(pattern=r"^[0-9a-f]{96}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Hex80 = Annotated[str, Field(pattern=r"^[0-9a-f]{160}$")]
KeyId = Hex16

_SALT: Final = 16
_Read = TypeVar("_Read", bound=Value)


def key_id(name: str, x25519: str, ed25519: str) -> str:
    """The first 16 bytes of SHA-256 over the whole public key, its holder's name included."""
    data = {"schema": "flagrelease.public-key/v1", "name": name, "x25519": x25519, "ed25519": ed25519}
    return hashlib.sha256(canonical_json(data)).hexdigest()[:32]


class PublicKey(Value):
    """What its holder gives away. `id` is made from the rest, so that two people can compare it by telephone."""

    schema_: Literal["flagrelease.public-key/v1"] = Field(alias="schema")
    name: Name
    id: KeyId
    x25519: Hex32
    ed25519: Hex32

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.id != key_id(self.name, self.x25519, self.ed25519):
            raise ValueError("the id is not that of this name and these keys")
        return self

    @property
    def shown(self) -> str:
        """Name and id, for people."""
        return f"{self.name} ({self.id})"


class _Locked(Value):
    """Both private halves under a passphrase."""

    salt: Hex16
    encrypted: Hex80


class PrivateKeyFile(Value):
    """A private key as it is stored: open, or locked by a passphrase. Its public part is always readable."""

    schema_: Literal["flagrelease.private-key/v1"] = Field(alias="schema")
    public: PublicKey
    private: Hex64 | None = Field(default=None, repr=False)
    locked: _Locked | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.private is None) == (self.locked is None):
            raise ValueError("wanted one of `private` and `locked`")
        return self


@dataclass(frozen=True, kw_only=True)
class PrivateKey:
    """A private key in memory. It shows nothing of itself where it is printed."""

    public: PublicKey
    opens: bytes = field(repr=False)
    signs: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """The id of both its halves."""
        return self.public.id


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """Whom one is, and whose signature one trusts."""

    private: tuple[PrivateKey, ...] = ()
    signers: tuple[PublicKey, ...] = ()


def new_key(name: str) -> PrivateKey:
    """A new key."""
    opens = primitives.opening_secret(primitives.random(primitives.KEY))
    return _key(name, opens, primitives.random(primitives.KEY))


def stored(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """The file of a private key, locked where there is a passphrase."""
    secret = key.opens + key.signs
    public = key.public
    if passphrase is None:
        file = PrivateKeyFile(schema="flagrelease.private-key/v1", public=public, private=secret.hex())
    else:
        salt = primitives.random(_SALT)
        data = primitives.encrypted(primitives.stretched(passphrase, salt), secret, canonical_json(public))
        locked = _Locked(salt=salt.hex(), encrypted=data.hex())
        file = PrivateKeyFile(schema="flagrelease.private-key/v1", public=public, locked=locked)
    return pretty_json(file)


def read_private(data: bytes, where: str) -> PrivateKeyFile:
    """The file of a private key. Raises SourceError, which never holds a part of the key."""
    return read_json(PrivateKeyFile, data, where, "private key", "take the file as `patch keygen` wrote it")


def read_public(data: bytes, where: str) -> PublicKey:
    """The file of a public key. Raises SourceError."""
    hint = "ask its holder for the `.pub` file again; `patch keygen --public-of KEY` writes it from the private key"
    return read_json(PublicKey, data, where, "public key", hint)


def unlocked(file: PrivateKeyFile, passphrase: bytes | None, where: str) -> PrivateKey:
    """The private key of a file. Raises SourceError where the passphrase is missing or wrong."""
    if file.locked is None:
        assert file.private is not None
        secret: bytes | None = bytes.fromhex(file.private)
    elif passphrase is None:
        raise SourceError(
            f"{where}: the key {file.public.shown} is locked by a passphrase, and none was given",
            hint="run it on a terminal, or pass the passphrase with `--passphrase-fd`",
        )
    else:
        stretched = primitives.stretched(passphrase, bytes.fromhex(file.locked.salt))
        secret = primitives.decrypted(stretched, bytes.fromhex(file.locked.encrypted), canonical_json(file.public))
    if secret is None:
        raise SourceError(
            f"{where}: the passphrase does not unlock the key {file.public.shown}, or the file is damaged",
            hint="try the passphrase again, then take the file from a backup",
        )
    key = _key(file.public.name, secret[: primitives.KEY], secret[primitives.KEY :])
    if key.public != file.public or key.opens != primitives.opening_secret(key.opens):
        raise SourceError(
            f"{where}: the private halves are not those of the public key {file.public.shown}: the file is damaged",
            hint="take the file from a backup",
        )
    return key


def read_json(kind: type[_Read], data: bytes, where: str, what: str, hint: str) -> _Read:
    """A value from JSON in exactly our spelling: another byte anywhere is refused, even where it means the same.

    Raises:
        SourceError: It is not such a value. The text names places and wants, never what was found there: that may be
            a private key.
    """
    try:
        value = kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = f"{place}: {first['msg']}"
    else:
        if pretty_json(value) == data:
            return value
        problem = "it says the same in another spelling"
    raise SourceError(f"{where} is not a {what} as flagrelease writes it: {problem}", hint=hint) from None


def _key(name: str, opens: bytes, signs: bytes) -> PrivateKey:
    x25519, ed25519 = primitives.opening_public(opens).hex(), primitives.signing_public(signs).hex()
    public = PublicKey(
        schema="flagrelease.public-key/v1",
        name=name,
        id=key_id(name, x25519, ed25519),
        x25519=x25519,
        ed25519=ed25519,
    )
    return PrivateKey(public=public, opens=opens, signs=signs)
