"""What a vendor encrypted is opened in memory, and comes into the patches sealed, or in plain text when it is said."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.patching.conftest import Place
from tests.patching.flagscale_checkout import Checkout
from tests.sealing.flagscale_files import encrypted, padded, rsa_pair

pytestmark = pytest.mark.slow

CANARY = b"canary-77aa"
FACTS = ("--upstream", "none", "--remove-when", "never", "--json")
FILES: dict[str, bytes | None] = {"vllm/secret.py": CANARY + b"\n", "vllm/config.py": b"device = 'x'\n"}


@pytest.fixture(scope="module")
def pair() -> tuple[rsa.RSAPrivateKey, bytes]:
    return rsa_pair()


@pytest.fixture
def checkout(tmp_path: Path, made_checkout: Checkout, pair: tuple[rsa.RSAPrivateKey, bytes]) -> Checkout:
    made = made_checkout.copied(tmp_path / "fs")
    made.generation_3("BI_V150", "vllm", FILES)
    folder = made.top / "hardware/BI_V150/vllm/vllm"
    for name in ("secret.py", "config.py"):
        plain = folder / f"{name}.patch"
        (folder / f"{name}.patch.encrypted").write_bytes(encrypted(pair[0].public_key(), padded(plain.read_bytes())))
        plain.unlink()
    made.commit("BI")
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "private_key.pem").write_bytes(pair[1])
    (tmp_path / "key" / "private_key.pem").chmod(0o600)
    return made


def imports(place: Place, checkout: Checkout, *more: str, status: int = 0) -> str:
    return place.run("import", "--from", "flagscale", str(checkout.top), *FACTS, *more, status=status)


def ids(told: str) -> set[str]:
    return {one["id"] for one in json.loads(told)["findings"]}


def test_without_a_key_it_is_told_which_one_is_needed(place: Place, checkout: Checkout) -> None:
    assert ids(imports(place, checkout, status=5)) == {"needs-key"}


def test_with_a_key_alone_nothing_is_written_in_plain_text(place: Place, checkout: Checkout) -> None:
    told = imports(place, checkout, "--key", str(place.top / "key"), status=5)
    assert ids(told) == {"would-be-plain", "no-proof"}
    assert not place.patches.exists()


def test_plain_text_is_written_when_it_is_said(place: Place, checkout: Checkout) -> None:
    told = json.loads(imports(place, checkout, "--key", str(place.top / "key"), "--plain"))
    assert told["sets"][0]["tree"] == checkout.made("vllm", FILES)[0]
    assert any(CANARY in path.read_bytes() for path in place.patches.rglob("*.patch"))


def test_it_is_sealed_for_those_who_may_read_it(place: Place, checkout: Checkout) -> None:
    keys = place.patches / "keys"
    place.run("keygen", "vendor", "--folder", str(keys))
    imports(
        place, checkout, "--key", str(place.top / "key"), "--seal-for", str(keys / "vendor.pub"), "--sign-with",
        str(keys / "vendor.key"),
    )  # fmt: skip
    assert list(place.patches.glob("vllm/*/*/seal.json"))
    assert not [path for path in place.patches.rglob("*") if path.is_file() and CANARY in path.read_bytes()]
    repo = ("--repo", f"vllm={checkout.where('vllm')}")
    told = place.run("check", "--all", *repo, "--key", str(keys / "vendor.key"))
    assert "applies: tree" in told


def test_another_key_or_a_cut_file_is_told_without_a_word_of_it(place: Place, checkout: Checkout) -> None:
    (place.top / "other").mkdir()
    (place.top / "other" / "private_key.pem").write_bytes(rsa_pair()[1])
    (place.top / "other" / "private_key.pem").chmod(0o600)
    assert "cannot-be-opened" in ids(imports(place, checkout, "--key", str(place.top / "other"), status=5))
    path = checkout.top / "hardware/BI_V150/vllm/vllm/secret.py.patch.encrypted"
    path.write_bytes(path.read_bytes()[:-7])
    told = imports(place, checkout, "--key", str(place.top / "key"), "--plain", status=5)
    assert "cannot-be-opened" in ids(told)
    assert CANARY.decode() not in told


def test_what_is_refused_or_does_not_apply_shows_no_line_of_it(
    place: Place, checkout: Checkout, pair: tuple[rsa.RSAPrivateKey, bytes]
) -> None:
    diff = checkout.diff("vllm", {"vllm/engine.py": CANARY + b"\n"}).replace(b"-engine 3\n", b"-canary-other\n")
    folder = checkout.top / "hardware/BI_V150/vllm/vllm"
    (folder / "engine.py.patch.encrypted").write_bytes(encrypted(pair[0].public_key(), padded(diff)))
    (folder / "bad.py.patch.encrypted").write_bytes(encrypted(pair[0].public_key(), padded(CANARY)))
    told = imports(place, checkout, "--key", str(place.top / "key"), "--plain", status=5)
    assert "refused-patch" in ids(told)
    (folder / "bad.py.patch.encrypted").unlink()
    told += imports(place, checkout, "--key", str(place.top / "key"), "--plain", status=5)
    assert "does-not-apply" in told
    assert "canary" not in told
