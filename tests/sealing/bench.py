"""Opening a sealed set of 450 files, beside what its bytes cost with nothing around them.

The peers run in the same process on the same bytes: plain ChaCha20 (no authentication, one key, no files), and
`openssl enc -d -chacha20` started once a file, as FlagScale-like scripts do. FlagScale's own way, which reads its RSA
key anew for each file, is measured over few files and scaled.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from flagrelease.adapters.sealed.set_folder import open_series
from tests.sealing.made import MINE, sealed_set

FILES, SIZE = 450, 8 << 10
"""As many files as Huawei's set for sglang has, of about the size of a patch to one file."""

ROUNDS = 9
FEW = 9


def _took(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def _plain(texts: list[bytes]) -> None:
    for text in texts:
        Cipher(ChaCha20(bytes(32), bytes(16)), None).decryptor().update(text)


def _read_and_hash(folder: Path) -> None:
    for path in folder.iterdir():
        hashlib.sha256(path.read_bytes()).digest()


def _openssl(folder: Path) -> None:
    key = ["-K", "00" * 32, "-iv", "00" * 16]
    for path in sorted(folder.glob("*.sealed"))[:FEW]:
        subprocess.run(["openssl", "enc", "-d", "-chacha20", *key, "-in", path], check=True, capture_output=True)


def _flagscale() -> Callable[[], None]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    private = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    oaep = OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    wrapped = key.public_key().encrypt(os.urandom(32), oaep)

    def work() -> None:
        for _ in range(FEW):
            again = serialization.load_pem_private_key(pem, password=None)
            assert isinstance(again, rsa.RSAPrivateKey)
            again.decrypt(wrapped, oaep)

    return work


def open_sealed() -> str:
    """All patches of a set, checked and decrypted, beside what its bytes cost otherwise."""
    with tempfile.TemporaryDirectory() as root:
        texts = [os.urandom(SIZE) for _ in range(FILES)]
        folder = sealed_set(Path(root), texts)
        assert list(open_series(folder, MINE)) == texts
        ours = _took(lambda: list(open_series(folder, MINE)))
        peers = {
            "read and sha256 of the files": _took(lambda: _read_and_hash(folder)),
            "ChaCha20 alone, in memory": _took(lambda: _plain(texts)),
            f"an RSA key read for each file as FlagScale does (over {FEW})": _took(_flagscale(), 3) * FILES / FEW,
        }
        if shutil.which("openssl"):
            peers[f"`openssl enc -d` for each file (over {FEW})"] = _took(lambda: _openssl(folder), 3) * FILES / FEW
    told = "; ".join(f"{name} {seconds * 1000:.0f} ms: {ours / seconds:.3g} ×" for name, seconds in peers.items())
    return f"{FILES} files of {SIZE} bytes {ours * 1000:.0f} ms, budget 200 ms; {told}"


BENCHMARKS: dict[str, Callable[[], str]] = {"patch-open-sealed": open_sealed}
