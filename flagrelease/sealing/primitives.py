"""The few primitives that sealing is made of, all of them from `cryptography`.

X25519, HKDF-SHA256, ChaCha20-Poly1305, HMAC-SHA256, Ed25519, and scrypt for passphrases.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

KEY: Final = 32
TAG: Final = 16
_SHA256: Final = SHA256()
# Each key here encrypts exactly one text, so the nonce may be constant. `derive` with a fresh salt sees to that.
_NONCE: Final = bytes(12)


def random(count: int) -> bytes:
    """Bytes nobody can guess, from the operating system."""
    return os.urandom(count)


def derive(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    """A key of 32 bytes for one purpose: HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=_SHA256, length=KEY, salt=salt, info=info).derive(secret)


def encrypted(key: bytes, text: bytes, bound: bytes) -> bytes:
    """ChaCha20-Poly1305 (RFC 8439) under a key that is used for nothing else; `bound` must be the same to decrypt."""
    return ChaCha20Poly1305(key).encrypt(_NONCE, text, bound)


def decrypted(key: bytes, data: bytes, bound: bytes) -> bytes | None:
    """The text, or None where a single bit of key, data or `bound` is another."""
    if len(data) < TAG:
        return None
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, data, bound)
    except InvalidTag:
        return None


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256."""
    code = hmac.HMAC(key, _SHA256)
    code.update(data)
    return code.finalize()


def is_mac(key: bytes, data: bytes, found: bytes) -> bool:
    """Whether `found` is the code of `data`, in constant time."""
    code = hmac.HMAC(key, _SHA256)
    code.update(data)
    try:
        code.verify(found)
    except InvalidSignature:
        return False
    return True


def opening_public(secret: bytes) -> bytes:
    """The public half of an X25519 key."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def opening_secret(data: bytes) -> bytes:
    """The one spelling of an X25519 secret (RFC 7748, section 5): five of its bits count for nothing otherwise."""
    return bytes((data[0] & 248, *data[1:-1], data[-1] & 127 | 64))


def agreed(secret: bytes, public: bytes) -> bytes | None:
    """What both halves of two X25519 keys have in common, or None where `public` is one of the few weak points."""
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None


def signing_public(secret: bytes) -> bytes:
    """The public half of an Ed25519 key."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def signature(secret: bytes, message: bytes) -> bytes:
    """Ed25519 (RFC 8032)."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def is_signature(public: bytes, message: bytes, found: bytes) -> bool:
    """Whether the holder of the key signed exactly this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(found, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def stretched(passphrase: bytes, salt: bytes) -> bytes:
    """A key from a passphrase: scrypt with N = 2^16, r = 8, p = 1, which takes 64 MiB and a moment for each guess.

    The cost belongs to the version of the file, so no file can ask for more of it.
    """
    return Scrypt(salt=salt, length=KEY, n=1 << 16, r=8, p=1).derive(passphrase)
