"""Write `recipes/schema/*.json`, which editors use to complete and check recipes. `--check` only compares."""

import sys
from typing import Annotated

import typer

from flagrelease.cli.options import Recipes
from flagrelease.cli.settings import settings
from flagrelease.errors import RecipeError
from flagrelease.formats.schema import recipe_schemas

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 3 when a schema is stale.")]


def schema(check: Check = False, recipes: Recipes = None) -> None:
    """Write one JSON schema for each kind of recipe file."""
    folder = settings(recipes=recipes).recipes / "schema"
    stale = []
    for name, text in recipe_schemas().items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    if check and stale:
        raise RecipeError(f"stale in `{folder}`: {', '.join(stale)}", hint="run `flagrelease schema`")
