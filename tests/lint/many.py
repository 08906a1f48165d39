"""Many recipes, for the speed of lint: `python -m tests.lint.many FOLDER NUMBER` writes them."""

import json
import sys
from pathlib import Path

from tests.lint.small import Data, recipes, written

_A_MODEL = 4
"""Recipes that each further model brings: itself, its bundle, its policy and its table."""


def many(folder: Path, number: int) -> Path:
    """A recipe folder with about so many recipes, all of them good; the folder."""
    root = written(folder, {})
    good = recipes()
    for index in range((number - len(good)) // _A_MODEL):
        name = f"tiny-{index}"
        _write(root / "models" / f"{name}.yaml", good["models/tiny"] | {"name": name})
        _write(root / "gates" / f"{name}.yaml", good["gates/quick"] | {"name": name})
        _write(root / "published" / "alpha" / f"{name}.card.yaml", _table(good, name, index))
        variant = good["bundles/alpha/tiny"]["variants"]["serve"] | {"gate": name, "published": [f"{name}.card"]}
        variant |= {"serving": {"served_name": name, "requested_model": name, "ready_within_s": 60}}
        bundle = good["bundles/alpha/tiny"] | {"model": name, "variants": {"serve": variant, "other": variant}}
        _write(root / "bundles" / "alpha" / f"{name}.yaml", bundle | {"default_variant": "serve"})
    return root


def _table(good: dict[str, Data], name: str, index: int) -> Data:
    rows = [{"benchmark": "quiz", "scale": 100, "reference": 40 + index % 300 / 10, "target": 40.0 + index % 300 / 10}]
    scores = {"kind": "aggregate_only", "rows": rows}
    return good["published/alpha/tiny.card"] | {"name": f"{name}.card", "model": name, "scores": scores}


def _write(path: Path, data: Data) -> None:
    path.write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    sys.stdout.write(f"{many(Path(sys.argv[1]), int(sys.argv[2]))}\n")
