"""FlagScale's `.encrypted` patches: read, never written.

`iv 16 ‖ RSA-OAEP(SHA-256)(AES-256 key) 512 ‖ AES-256-CBC(PKCS#7)`. Nothing in it shows that it was changed: FlagScale's
own tool takes 300 of 300 files with one bit changed for good. So a sha256 from elsewhere is required.
"""

import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from flagrelease.errors import SourceError

_IV: Final = 16
_WRAPPED: Final = 512
_BLOCK: Final = 16
_AES_KEY: Final = 32
_OAEP: Final = OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


class FlagScaleKey:
    """FlagScale's `private_key.pem`. Read once: reading it costs more than opening a patch."""

    def __init__(self, pem: bytes, where: str) -> None:
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != _WRAPPED * 8:
            raise SourceError(
                f"{where} is not a private key of FlagScale's: wanted an RSA key of {_WRAPPED * 8} bits as PEM",
                hint="take `private_key.pem` of the folder that FlagScale's `--key-path` names",
            )
        self._key = key
        self.where = where

    def unwrapped(self, data: bytes) -> bytes | None:
        """The key of one patch, or None where it was made for another key."""
        try:
            return self._key.decrypt(data, _OAEP)
        except ValueError:
            return None


def read_flagscale(data: bytes, key: FlagScaleKey, sha256: str, where: str) -> bytes:
    """The patch in plain text.

    Args:
        data: The whole file.
        key: The private key it was made for.
        sha256: What the file's hash must be, from somewhere that whoever sends the file cannot change.
        where: What messages call the file.

    Raises:
        SourceError: The file is damaged, or the key is another one.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SourceError(
            f"{where} is damaged: wanted sha256 {sha256}, found {found}", hint="take the file again from its vendor"
        )
    body = data[_IV + _WRAPPED :]
    if not body or len(body) % _BLOCK:
        raise SourceError(
            f"{where} is no encrypted patch of FlagScale's, or only a part of one: wanted {_IV + _WRAPPED} bytes and "
            f"blocks of {_BLOCK}, found {len(data)} bytes",
            hint="the sha256 fits, so it was so when it was recorded: ask the vendor for the file",
        )
    aes = key.unwrapped(data[_IV : _IV + _WRAPPED])
    if aes is None or len(aes) != _AES_KEY:
        raise SourceError(
            f"{where} was not encrypted for the key {key.where}", hint="pass the private key of the set's own pair"
        )
    decryptor = Cipher(AES(aes), CBC(data[:_IV])).decryptor()
    padded = decryptor.update(body) + decryptor.finalize()
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise SourceError(
            f"{where} is damaged: its last block does not end as PKCS#7 wants",
            hint="the sha256 fits, so it was so when it was recorded: ask the vendor for the file",
        ) from None
