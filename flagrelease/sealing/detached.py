"""Detached Ed25519 signatures: of a file's name and hash, so that a signed file is not taken for another one.

Keys are those of sealed patches, or any Ed25519 key in a format that others know (`adapters/sealed/signing_keys.py`).
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import Sha256, Text, Value
from flagrelease.formats.canonical import canonical_json
from flagrelease.sealing import primitives
from flagrelease.sealing.keys import Hex64, PrivateKey, PublicKey

SignatureKeyId = Annotated[str, Field(pattern=r"^([0-9a-f]{32}|SHA256:[A-Za-z0-9+/]{43})$")]
"""The id of a key of flagrelease, or the fingerprint that OpenSSH shows."""

Subject = Literal["flagrelease.baseline", "flagrelease.withdrawal", "flagrelease.evidence"]
"""What kind of file is signed; a signature of one kind is none of another."""


@dataclass(frozen=True, kw_only=True)
class VerifyingKey:
    """A key whose signature counts."""

    name: str
    id: str
    ed25519: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """Name and id, for people."""
        return f"{self.name} ({self.id})"


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key that signs. It shows nothing of itself where it is printed."""

    public: VerifyingKey
    secret: bytes = field(repr=False)


class DetachedSignature(Value):
    """`sha256` is that of the file's bytes, `name` what the file is called where it counts."""

    schema_: Literal["flagrelease.signature/v1"] = Field(default="flagrelease.signature/v1", alias="schema")
    subject: Subject
    name: Text
    sha256: Sha256
    signer: Text
    key: SignatureKeyId
    ed25519: Hex64

    @property
    def claimed(self) -> str:
        """Whose it says that it is, for people."""
        return f"{self.signer} ({self.key})"


def verifying(key: PublicKey) -> VerifyingKey:
    """The signing half of a key of flagrelease."""
    return VerifyingKey(name=key.name, id=key.id, ed25519=bytes.fromhex(key.ed25519))


def signing(key: PrivateKey) -> SigningKey:
    """The same of a private key."""
    return SigningKey(public=verifying(key.public), secret=key.signs)


def ssh_fingerprint(ed25519: bytes) -> str:
    """`SHA256:…` over the key as OpenSSH writes it (RFC 4253, section 6.6; RFC 8709), as `ssh-keygen -l` shows it."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", ed25519))
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def sign(subject: Subject, name: str, data: bytes, key: SigningKey) -> DetachedSignature:
    """A signature of the file's bytes under this name."""
    digest = hashlib.sha256(data).hexdigest()
    made = primitives.signature(key.secret, _message(subject, name, digest))
    return DetachedSignature(
        subject=subject, name=name, sha256=digest, signer=key.public.name, key=key.public.id, ed25519=made.hex()
    )


def signer_of(
    signature: DetachedSignature, subject: Subject, name: str, sha256: str, trusted: Iterable[VerifyingKey]
) -> VerifyingKey | None:
    """The trusted key that signed exactly this; None where there is none."""
    if (signature.subject, signature.name, signature.sha256) != (subject, name, sha256):
        return None
    message = _message(subject, name, sha256)
    for key in trusted:
        if key.id == signature.key and primitives.is_signature(key.ed25519, message, bytes.fromhex(signature.ed25519)):
            return key
    return None


def _message(subject: Subject, name: str, sha256: str) -> bytes:
    data = {"subject": subject, "name": name, "sha256": sha256}
    return b"flagrelease.signature/v1\n" + canonical_json(data)
