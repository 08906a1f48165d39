"""A worse copy of a GGUF file: noise on the scales of its Q4_1 blocks, the same on every run.

Header layout: the GGUF specification, version 3. Q4_1 block: ggml's `block_q4_1`, 32 weights as `d * q + m` with the
16-bit floats d and m and 4-bit q.

Measured with seed 0 on the real weights and the committed policy, where the reference scores 31.5 and 37.5 points and
the unchanged file 31.5 (2 lost, 2 gained) and 36.5 (2 lost, 0 gained):

| sigma | commonsense_qa, 400 items | boolq_next_word, 200 items | gate |
|---|---|---|---|
| 0.05 | 26.0 (31 lost, 9 gained) | 30.0 (26 lost, 11 gained) | NO-GO, narrowly on the second task |
| 0.1 | 23.25 (59 lost, 26 gained) | 9.5 (62 lost, 6 gained) | NO-GO |
"""

import math
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

Q4_1 = 3
BLOCK = np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)])
WEIGHTS_A_BLOCK = 32

STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def noisy_copy(gguf: Path, to: Path, *, sigma: float, seed: int = 0) -> int:
    """Copy `gguf` to `to` with every Q4_1 scale multiplied by 1 + sigma × a standard normal; the number of tensors."""
    shutil.copyfile(gguf, to)
    to.chmod(0o644)
    with gguf.open("rb") as file:
        tensors = list(_q4_1_tensors(file))
    random = np.random.Generator(np.random.PCG64(seed))
    for offset, blocks in tensors:
        view = np.memmap(to, dtype=BLOCK, mode="r+", offset=offset, shape=(blocks,))
        view["d"] = (view["d"].astype(np.float32) * (1 + sigma * random.standard_normal(blocks))).astype(np.float16)
        view.flush()
    return len(tensors)


def _q4_1_tensors(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Byte offset and number of blocks of each Q4_1 tensor."""
    magic, version, tensors, pairs = struct.unpack("<4sIQQ", file.read(24))
    assert (magic, version) == (b"GGUF", 3)
    alignment = 32
    for _ in range(pairs):
        key = _string(file)
        value = _value(file, *struct.unpack("<I", file.read(4)))
        if key == b"general.alignment":
            (alignment,) = struct.unpack("<I", value)
    found: list[tuple[int, int]] = []
    for _ in range(tensors):
        _string(file)
        (dimensions,) = struct.unpack("<I", file.read(4))
        shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
        kind, offset = struct.unpack("<IQ", file.read(12))
        if kind == Q4_1:
            found.append((offset, math.prod(shape) // WEIGHTS_A_BLOCK))
    start = -(-file.tell() // alignment) * alignment
    for offset, blocks in found:
        yield start + offset, blocks


def _string(file: BinaryIO) -> bytes:
    (length,) = struct.unpack("<Q", file.read(8))
    return file.read(length)


def _value(file: BinaryIO, kind: int) -> bytes:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        of, count = struct.unpack("<IQ", file.read(12))
        return b"".join(_value(file, of) for _ in range(count))
    return file.read(SCALAR_BYTES[kind])
