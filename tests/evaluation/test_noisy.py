import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.noisy import BLOCK, noisy_copy

BLOCKS = 4


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """Two tensors, F32 and Q4_1, behind keys of every shape that has to be skipped."""
    pairs = [
        text(b"general.alignment") + struct.pack("<II", 4, 64),
        text(b"a.name") + struct.pack("<I", 8) + text(b"noise"),
        text(b"some.words") + struct.pack("<IIQ", 9, 8, 2) + text(b"one") + text(b"two"),
        text(b"a.flag") + struct.pack("<IB", 7, 1),
    ]
    tensors = [
        text(b"norm") + struct.pack("<IQIQ", 1, 16, 0, 0),
        text(b"weight") + struct.pack("<IQQIQ", 2, 32, BLOCKS, 3, 64),
    ]
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(pairs)) + b"".join(pairs + tensors)
    header += bytes(-len(header) % 64)
    blocks = np.zeros(BLOCKS, dtype=BLOCK)
    blocks["d"], blocks["m"], blocks["q"] = 2.0, -1.0, 7
    path = tmp_path / "a.gguf"
    path.write_bytes(header + struct.pack("<16f", *range(16)) + blocks.tobytes())
    return path


def test_only_the_scales_of_q4_1_blocks_change(gguf: Path, tmp_path: Path) -> None:
    assert noisy_copy(gguf, tmp_path / "noisy.gguf", sigma=0.5) == 1
    before, after = gguf.read_bytes(), (tmp_path / "noisy.gguf").read_bytes()
    start = len(before) - BLOCKS * BLOCK.itemsize
    assert after[:start] == before[:start]
    blocks = np.frombuffer(after[start:], dtype=BLOCK)
    assert len(set(blocks["d"].tolist())) == BLOCKS
    assert blocks["m"].tolist() == [-1.0] * BLOCKS
    assert (blocks["q"] == 7).all()


def test_the_same_noise_is_made_every_time(gguf: Path, tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        noisy_copy(gguf, tmp_path / name, sigma=0.5)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
