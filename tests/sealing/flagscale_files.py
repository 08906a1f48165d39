"""Encrypted patches and keys as tools/patch/encryption_utils.py of FlagScale writes them."""

import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC


def rsa_pair(bits: int = 4096) -> tuple[rsa.RSAPrivateKey, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return key, pem


def encrypted(public: rsa.RSAPublicKey, padded: bytes) -> bytes:
    iv, key = os.urandom(16), os.urandom(32)
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    body = encryptor.update(padded) + encryptor.finalize()
    oaep = OAEP(mgf=MGF1(algorithm=hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return iv + public.encrypt(key, oaep) + body


def padded(text: bytes) -> bytes:
    count = 16 - len(text) % 16
    return text + bytes([count]) * count
