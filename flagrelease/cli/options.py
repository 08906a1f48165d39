"""Options that several commands share, with their shell completion."""

from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cli.settings import settings
from flagrelease.stages import ORDER


def _stems(folder: str) -> list[str]:
    return sorted(p.stem for p in (settings().recipes / folder).glob("*.yaml"))


def _chips(incomplete: str) -> list[str]:
    return [name for name in _stems("chips") if name.startswith(incomplete)]


def _models(incomplete: str) -> list[str]:
    return [name for name in _stems("models") if name.startswith(incomplete)]


def _stages(incomplete: str) -> list[str]:
    return [name for name in ORDER if name.startswith(incomplete)]


Chip = Annotated[str, typer.Option("--chip", help="Chip, as in recipes/chips, or an alias.", autocompletion=_chips)]
Model = Annotated[str, typer.Option("--model", help="Model, as in recipes/models.", autocompletion=_models)]
Variant = Annotated[str | None, typer.Option("--variant", help="Variant of the bundle; the recipe names the default.")]
Recipes = Annotated[Path | None, typer.Option("--recipes", help="Recipe folder (default: recipes).")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for bundles (default: out).")]
Offline = Annotated[bool, typer.Option("--offline", help="Use no network: everything must be in the store.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
From = Annotated[
    str | None, typer.Option("--from", help="Do this stage and all after it anew.", autocompletion=_stages)
]
Until = Annotated[str | None, typer.Option("--until", help="Stop after this stage.", autocompletion=_stages)]
