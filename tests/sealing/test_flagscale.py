"""FlagScale's encrypted patches are read, and a wrong key is told from damage."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flagrelease.adapters.sealed.key_files import load_flagscale
from flagrelease.errors import SourceError
from flagrelease.sealing.flagscale import FlagScaleKey, read_flagscale
from tests.sealing.flagscale_files import encrypted, padded, rsa_pair

TEXT = b"diff --git a/x b/x\n" * 7


@pytest.fixture(scope="module")
def pair() -> tuple[rsa.RSAPrivateKey, bytes]:
    return rsa_pair()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_of_flagscales_is_read(pair: tuple[rsa.RSAPrivateKey, bytes], tmp_path: Path) -> None:
    private, pem = pair
    (tmp_path / "private_key.pem").write_bytes(pem)
    (tmp_path / "private_key.pem").chmod(0o600)
    key = load_flagscale(tmp_path)
    for text in (TEXT, b"", b"x" * 16):
        data = encrypted(private.public_key(), padded(text))
        assert read_flagscale(data, key, _sha256(data), "a.patch.encrypted") == text


def test_a_private_key_with_flagscales_mode_is_refused(pair: tuple[rsa.RSAPrivateKey, bytes], tmp_path: Path) -> None:
    (tmp_path / "private_key.pem").write_bytes(pair[1])
    (tmp_path / "private_key.pem").chmod(0o644)
    with pytest.raises(SourceError, match="its mode is 0644"):
        load_flagscale(tmp_path)


def test_any_change_is_damage_by_the_hash(pair: tuple[rsa.RSAPrivateKey, bytes]) -> None:
    private, pem = pair
    key = FlagScaleKey(pem, "private_key.pem")
    data = encrypted(private.public_key(), padded(TEXT))
    pin = _sha256(data)
    for place in range(0, len(data) * 8, 7):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SourceError, match="is damaged: wanted sha256"):
            read_flagscale(bytes(changed), key, pin, "a")
    for cut in range(len(data)):
        with pytest.raises(SourceError, match="is damaged: wanted sha256"):
            read_flagscale(data[:cut], key, pin, "a")


def test_another_key_is_said_to_be_another_key(pair: tuple[rsa.RSAPrivateKey, bytes]) -> None:
    data = encrypted(pair[0].public_key(), padded(TEXT))
    other = FlagScaleKey(rsa_pair()[1], "other/private_key.pem")
    with pytest.raises(SourceError, match=r"was not encrypted for the key other/private_key\.pem"):
        read_flagscale(data, other, _sha256(data), "a")


@pytest.mark.parametrize("end", [b"\0", b"\x11", b"\x01\x02", b"\x03\x02\x03", b"\x10" * 15 + b"\x0f"])
def test_padding_is_checked_whole(pair: tuple[rsa.RSAPrivateKey, bytes], end: bytes) -> None:
    """FlagScale's tool cuts off as many bytes as the last one says, whatever they are."""
    data = encrypted(pair[0].public_key(), b"x" * (32 - len(end)) + end)
    with pytest.raises(SourceError, match="does not end as PKCS#7 wants"):
        read_flagscale(data, FlagScaleKey(pair[1], "k"), _sha256(data), "a")


@pytest.mark.parametrize("size", [0, 16, 528, 543, 545])
def test_what_is_no_such_file_is_refused(pair: tuple[rsa.RSAPrivateKey, bytes], size: int) -> None:
    data = bytes(size)
    with pytest.raises(SourceError, match="or only a part of one"):
        read_flagscale(data, FlagScaleKey(pair[1], "k"), _sha256(data), "a")


def test_a_key_that_is_no_such_key_is_refused() -> None:
    for pem in (
        b"",
        b"no key",
        rsa_pair(2048)[1],
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ):
        with pytest.raises(SourceError, match="is not a private key of FlagScale's"):
            FlagScaleKey(pem, "k")
