"""Options that several commands share, with their shell completion."""

import re
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.settings import Engine, settings
from flagrelease.domain.bundle import Bundle
from flagrelease.errors import RecipeError
from flagrelease.stages import ORDER


def _stems(folder: str) -> list[str]:
    return sorted(p.stem for p in (settings().recipes / folder).glob("*.yaml"))


def _chips(incomplete: str) -> list[str]:
    return [name for name in _stems("chips") if name.startswith(incomplete)]


def _models(incomplete: str) -> list[str]:
    return [name for name in _stems("models") if name.startswith(incomplete)]


def _variants(incomplete: str) -> list[str]:
    found = {name for path in (settings().recipes / "bundles").glob("*/*.yaml") for name in _variants_of(path)}
    return [name for name in sorted({*found, "all"}) if name.startswith(incomplete)]


def _variants_of(path: Path) -> list[str]:
    """Names of two spaces' indent below `variants:`: enough for completion, and read in no time."""
    _, _, below = path.read_text(encoding="utf-8", errors="replace").partition("\nvariants:\n")
    until_next_key = re.split(r"^[a-z]", below, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^  ([a-z0-9][a-z0-9._-]*):", until_next_key, re.MULTILINE)


def _stages(incomplete: str) -> list[str]:
    return [name for name in ORDER if name.startswith(incomplete)]


Chip = Annotated[str, typer.Option("--chip", help="Chip, as in recipes/chips, or an alias.", autocompletion=_chips)]
Model = Annotated[str, typer.Option("--model", help="Model, as in recipes/models.", autocompletion=_models)]
OneChip = Annotated[
    str | None, typer.Option("--chip", help="Only this chip (default: all), or an alias of it.", autocompletion=_chips)
]
OneModel = Annotated[
    str | None, typer.Option("--model", help="Only this model (default: all).", autocompletion=_models)
]
Variant = Annotated[
    str | None,
    typer.Option("--variant", help="Variant of the bundle; the recipe names the default.", autocompletion=_variants),
]
Recipes = Annotated[Path | None, typer.Option("--recipes", help="Recipe folder (default: recipes).")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for bundles (default: out).")]
EngineName = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="What builds and runs the image. auto: what built it last, else embedded; docker where steps are run.",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use no network: everything must be in the store.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
From = Annotated[
    str | None, typer.Option("--from", help="Do this stage and all after it anew.", autocompletion=_stages)
]
Until = Annotated[str | None, typer.Option("--until", help="Stop after this stage.", autocompletion=_stages)]
Exported = Annotated[
    Path | None,
    typer.Option("--exported", help="Take the stages up to `build` from this file, which `export` wrote elsewhere."),
]


def chosen_bundles(catalogue: Catalogue, chip: str | None, model: str | None) -> list[Bundle]:
    """The bundles of a chip, of a model, of both, or all. Raises RecipeError when there is none."""
    only_chip = catalogue.chip(chip).name if chip else None
    only_model = catalogue.model(model).name if model else None
    if only_chip and only_model:
        return [catalogue.bundle(only_chip, only_model)]
    pairs = [
        (of_chip, of_model)
        for of_chip, of_model in catalogue.bundles()
        if only_chip in (None, of_chip) and only_model in (None, of_model)
    ]
    if not pairs:
        wanted = only_chip or only_model or "anything"
        raise RecipeError(
            f"there is no bundle of `{wanted}` in `{catalogue.recipes}`", hint="`flagrelease matrix` lists all bundles"
        )
    return [catalogue.bundle(*pair) for pair in pairs]
