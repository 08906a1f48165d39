"""Opening a sealed set of 450 files, beside what its bytes cost with nothing around them.

    python -m tests.sealing.bench

The peers run in the same process on the same bytes: plain ChaCha20 (no authentication, one key, no files), and
`openssl enc -d -chacha20` started once a file, as FlagScale-like scripts do. FlagScale's own way, which reads its RSA
key anew for each file, is measured over few files and scaled.
"""

import hashlib
import os
import shutil
import subprocess
import sys
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

from flagrelease.adapters.sealed.set_folder import check_series, open_series
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


def main() -> None:
    """Print the times and the ratios."""
    with tempfile.TemporaryDirectory() as root:
        texts = [os.urandom(SIZE) for _ in range(FILES)]
        folder = sealed_set(Path(root), texts)
        assert list(open_series(folder, MINE)) == texts
        opened = _took(lambda: list(open_series(folder, MINE)))
        rows = [
            ("opened: checked and decrypted", opened),
            ("only checked: every byte held against the signature", _took(lambda: check_series(folder, MINE.signers))),
            ("plain ChaCha20 of the same bytes in memory", _took(lambda: _plain(texts))),
            ("read and sha256 of the same files", _took(lambda: _read_and_hash(folder))),
        ]
        if shutil.which("openssl"):
            rows.append((f"`openssl enc -d` a file (over {FEW})", _took(lambda: _openssl(folder), 3) * FILES / FEW))
        rows.append((f"FlagScale: RSA key read a file (over {FEW})", _took(_flagscale(), 3) * FILES / FEW))
    sys.stdout.write(f"{FILES} files of {SIZE} bytes, median of {ROUNDS}\n")
    for name, seconds in rows:
        ratio = opened / seconds
        sys.stdout.write(f"{seconds * 1000:10.1f} ms  opening takes {ratio:8.4f} times that: {name}\n")
    sys.stdout.write(f"wanted at most 200 ms: {'held' if opened <= 0.2 else 'MISSED'}\n")


if __name__ == "__main__":
    main()
