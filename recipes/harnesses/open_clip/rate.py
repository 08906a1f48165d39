"""Rate captions of images by open_clip, in an environment of its own: `pip install torch open_clip_torch`.

    python rate.py --captions captions.json --images FOLDER --weights open_clip_pytorch_model.bin --out scores.json

`captions.json` is {IMAGE: CAPTION}, or {SIDE: {IMAGE: CAPTION}} for several sides. The images are drawn by seed and
hash, so that the same folder gives the same list anywhere, and the list's own hash goes into the result. The result is
what `flagrelease gate` reads, `scores.json#SIDE`.
"""

import argparse
import hashlib
import importlib
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = "flagrelease.captions/v1"
ENDINGS: Final = (".jpg", ".jpeg", ".png")
LIMIT: Final = 77
"""Tokens that the judge reads; what stands behind them is not rated."""


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def selected(folder: Path, *, count: int, seed: int) -> tuple[dict[str, str], dict[str, Any]]:
    """The drawn images with their hashes, and what the record says of the selection."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix.lower() in ENDINGS)
    if len(names) < count:
        raise SystemExit(f"{folder}: wanted at least {count} images, found {len(names)}")
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())[:count]
    images = {name: digest(folder / name) for name in sorted(drawn)}
    listed = "".join(f"{own}  {name}\n" for name, own in images.items())
    listing = hashlib.sha256(listed.encode()).hexdigest()
    return images, {"count": count, "of": len(names), "seed": seed, "sha256": listing}


def sides_of(captions: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Captions by side; a file without sides is of one, `captions`."""
    has_sides = all(isinstance(one, dict) for one in captions.values())
    return dict(captions) if has_sides else {"captions": dict(captions)}


class Judge:
    """An open_clip model. `config` is a file of one that open_clip does not know by itself."""

    def __init__(self, name: str, weights: Path, config: Path | None) -> None:
        self._torch = importlib.import_module("torch")
        clip = importlib.import_module("open_clip")
        self._torch.manual_seed(0)
        if config:
            clip.add_model_config(config)
        self._model, _, self._see = clip.create_model_and_transforms(name, pretrained=str(weights), device="cpu")
        self._model.eval()
        self._read = clip.get_tokenizer(name)
        self.stated = {
            "model": name,
            "weights_sha256": digest(weights),
            "open_clip_version": importlib.metadata.version("open_clip_torch"),
            "context_length": getattr(self._read, "context_length", LIMIT),
            "image_size": list(self._model.visual.image_size),
            "precision": "fp32",
        }

    def cosine(self, image: Path, caption: str) -> float:
        """Of image and caption, from -1 to 1."""
        opened = importlib.import_module("PIL.Image").open(image).convert("RGB")
        with self._torch.no_grad():
            seen = self._model.encode_image(self._see(opened).unsqueeze(0))
            said = self._model.encode_text(self._read([caption]))
            value = float(self._torch.nn.functional.cosine_similarity(seen, said)[0])
        if not math.isfinite(value):
            raise SystemExit(f"{image}: the judge gave {value}; are these its weights?")
        # Rounding may put the cosine of equal directions just above 1.
        return max(-1.0, min(1.0, value))


def main() -> None:
    """Rate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    for name in ("captions", "images", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--model", default="ViT-H-14")
    parser.add_argument("--model-config", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sides = sides_of(json.loads(given.captions.read_text(encoding="utf-8")))
    images, selection = selected(given.images, count=given.count, seed=given.seed)
    judge = Judge(given.model, given.weights, given.model_config)
    found: dict[str, dict[str, Any]] = {name: {"sha256": own} for name, own in images.items()}
    for side, captions in sides.items():
        for name in images:
            # A side that said nothing of an image has failed there.
            caption = captions.get(name)
            score = judge.cosine(given.images / name, caption) if caption else None
            found[name][side] = {"caption": caption, "score": score} if caption else {"score": None}
    means = {side: sum(one[side]["score"] or 0.0 for one in found.values()) / len(found) for side in sides}
    result = {"schema": SCHEMA, "judge": judge.stated, "selection": selection, "mean": means, "images": found}
    given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
