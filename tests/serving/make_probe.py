"""Make `recipes/probes/probe-llama-tiny.gguf`: a llama of random weights that only proves that another model loads.

Usage: python make_probe.py OUT.gguf, in an environment with `gguf==0.19.0` and `numpy`; the same bytes each time. Its
words are the printable ASCII characters, one token each, so whatever it answers is text; any other byte can be read.
The weights and this script are this project's own work, licence Apache-2.0.
"""

import sys
from pathlib import Path

import gguf  # type: ignore[import-not-found]  # in an environment of its own
import numpy as np

SEED = 135
BLOCKS, WIDTH, HIDDEN, HEADS = 2, 64, 64, 4
CONTEXT = 1 << 17
PLAIN = [chr(code) for code in range(33, 127)]
SPECIAL = ["<unk>", "<s>", "</s>"]
# SentencePiece writes a space as this character (U+2581).
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = [*SPECIAL, *BYTES, "\u2581", *PLAIN]


def describe(writer: gguf.GGUFWriter) -> None:
    """The keys of the GGUF header that llama.cpp asks for."""
    writer.add_name("probe-llama-tiny")
    writer.add_author("flagrelease")
    writer.add_license("Apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([0.0] * len(WORDS))
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    plain = [gguf.TokenType.NORMAL] * (1 + len(PLAIN))
    writer.add_token_types([*kinds, *[gguf.TokenType.BYTE] * len(BYTES), *plain])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(value=False)


def tensors() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor (rows, columns)."""
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(WORDS), WIDTH)}
    for block in range(BLOCKS):
        for part in ("q", "k", "v", "output"):
            shapes[f"blk.{block}.attn_{part}"] = (WIDTH, WIDTH)
        shapes[f"blk.{block}.attn_norm"] = (WIDTH,)
        shapes[f"blk.{block}.ffn_norm"] = (WIDTH,)
        shapes[f"blk.{block}.ffn_gate"] = (HIDDEN, WIDTH)
        shapes[f"blk.{block}.ffn_up"] = (HIDDEN, WIDTH)
        shapes[f"blk.{block}.ffn_down"] = (WIDTH, HIDDEN)
    shapes["output_norm"] = (WIDTH,)
    shapes["output"] = (len(WORDS), WIDTH)
    return shapes


def main(out: Path) -> None:
    """Write the file."""
    writer = gguf.GGUFWriter(out, "llama")
    describe(writer)
    dice = np.random.Generator(np.random.PCG64(SEED))
    for name, shape in tensors().items():
        values = np.ones(shape) if name.endswith("norm") else dice.standard_normal(shape) / np.sqrt(shape[-1])
        # Neither an end of text nor half a character: these never have the highest logit.
        if name == "output":
            values[: len(SPECIAL) + len(BYTES)] = 0.0
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
