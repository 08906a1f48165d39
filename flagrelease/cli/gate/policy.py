"""A policy as the commands of the gate take it."""

from pathlib import Path
from typing import Annotated, Final

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.complete import names_in
from flagrelease.domain.gate import Policy
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import decode_yaml

POLICY: Final = typer.Option(
    "--policy", metavar="P", help="A policy of recipes/gates, or a file.", autocompletion=names_in("gates")
)
ThePolicy = Annotated[str, POLICY]


def policy_named(catalogue: Catalogue, name: str) -> Policy:
    """By name, or by path where it ends with `.yaml`. Raises RecipeError."""
    if not name.endswith((".yaml", ".yml")):
        return catalogue.policy(name)
    path = Path(name)
    if not path.is_file():
        raise RecipeError(f"{name}: wanted a policy file, found none", hint="or name one of recipes/gates")
    return decode_yaml(path.read_bytes(), Policy, source=name)
