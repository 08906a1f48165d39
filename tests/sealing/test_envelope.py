"""The format is what docs/sealed-patches.md says, and stays so: read by code written from it, and from kept files."""

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from flagrelease.formats.canonical import pretty_json
from flagrelease.sealing.keys import Keyring, read_private, read_public, stored, unlocked
from flagrelease.sealing.sets import checked, opened
from tests.sealing.made import MAINTAINER, PATCHES, VENDOR, sealed_set

KEPT = Path(__file__).with_name("kept_v1.json")


def _canonical(data: object) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _hkdf(secret: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


def _read_by_the_document(files: dict[str, bytes], private: dict[str, Any], signer: dict[str, Any]) -> list[bytes]:
    seal = json.loads(files["seal.json"])
    statement, place = seal["statement"], seal["statement"]["place"]
    ident = bytes.fromhex(place["id"])
    message = b"flagrelease.seal/v1 statement\n" + _canonical(statement)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer["ed25519"]))
    public.verify(bytes.fromhex(seal["signature"]["ed25519"]), message)
    assert hashlib.sha256(files["series.yaml"]).hexdigest() == statement["series_sha256"]
    recipient = next(one for one in seal["recipients"] if one["key"] == private["public"]["id"])
    ephemeral, mine = bytes.fromhex(recipient["ephemeral"]), bytes.fromhex(private["public"]["x25519"])
    secret = X25519PrivateKey.from_private_bytes(bytes.fromhex(private["private"])[:32])
    shared = secret.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    key = _hkdf(shared, ephemeral + mine, "flagrelease.seal/v1 wrap")
    bound = _canonical({"place": place, "key": recipient["key"]})
    set_key = ChaCha20Poly1305(key).decrypt(bytes(12), bytes.fromhex(recipient["wrapped"]), bound)
    assert _hkdf(set_key, ident, "flagrelease.seal/v1 commitment").hex() == statement["commitment"]
    listed = _canonical({"statement": statement, "recipients": seal["recipients"]})
    mac = hmac.digest(_hkdf(set_key, ident, "flagrelease.seal/v1 recipients"), listed, "sha256")
    assert mac.hex() == seal["recipients_mac"]
    texts = []
    for patch in statement["patches"]:
        data = files[patch["file"]]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (patch["size"], patch["sha256"])
        line, salt, rest = data[:28], data[28:60], data[60:]
        assert line == b"flagrelease sealed patch v1\n"
        bound = line + _canonical({"place": place, "file": patch["file"]})
        key = _hkdf(set_key, salt, "flagrelease.seal/v1 body")
        texts.append(ChaCha20Poly1305(key).decrypt(bytes(12), rest, bound))
    return texts


def test_a_reader_written_from_the_document_opens_a_set(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    private, signer = json.loads(stored(MAINTAINER)), json.loads(pretty_json(VENDOR.public))
    assert tuple(_read_by_the_document(files, private, signer)) == PATCHES


def test_keys_are_as_the_document_says() -> None:
    public = json.loads(pretty_json(VENDOR.public))
    hashed = {key: public[key] for key in ("schema", "name", "x25519", "ed25519")}
    assert public["id"] == hashlib.sha256(_canonical(hashed)).digest()[:16].hex()
    locked = json.loads(stored(VENDOR, b"correct horse"))
    assert locked["private"] is None
    key = Scrypt(bytes.fromhex(locked["locked"]["salt"]), 32, 1 << 16, 8, 1).derive(b"correct horse")
    data = bytes.fromhex(locked["locked"]["encrypted"])
    assert ChaCha20Poly1305(key).decrypt(bytes(12), data, _canonical(locked["public"])) == VENDOR.opens + VENDOR.signs


@pytest.mark.parametrize("who", ["vendor", "maintainer"])
def test_a_set_of_version_1_that_was_kept_still_opens(who: str) -> None:
    kept = json.loads(KEPT.read_text())
    files = {name: base64.b64decode(data) for name, data in kept["files"].items()}
    signer = read_public(kept["signer"].encode(), "kept")
    keys = Keyring(private=(unlocked(read_private(kept[who].encode(), "kept"), b"kept", "kept"),), signers=(signer,))
    found = checked(lambda name, most: files[name][:most], list(files), keys.signers, "kept")
    assert [text.decode() for text in opened(found, keys)] == kept["texts"]


def test_the_document_names_every_text_that_goes_into_a_hash() -> None:
    root = Path(__file__).parents[2]
    document = (root / "docs" / "sealed-patches.md").read_text()
    code = "".join(path.read_text() for path in (root / "flagrelease" / "sealing").glob("*.py"))
    used = set(
        re.findall(r"flagrelease\.(?:seal|public-key|private-key)/v1(?: [a-z]+)?|flagrelease sealed patch v1", code)
    )
    assert len(used) == 9
    assert {text for text in used if text not in document} == set()
