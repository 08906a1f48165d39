"""Withdraw a baseline: its statement stays as it is, and what says why lies beside it.

From --since on, `build`, `publish` and `lint` refuse it by name. A withdrawal is believed whoever wrote it.
"""

import sys
from datetime import datetime
from typing import Annotated

import typer

from flagrelease.adapters.recipes.baseline_files import changing_baselines, withdraw
from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.cli.baseline.looking import day
from flagrelease.cli.baseline.options import BaselineName, built_value
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.domain.baseline import Withdrawal
from flagrelease.formats.canonical import pretty_json

Reason = Annotated[str, typer.Option("--reason", help="Why it is no reference any more.")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="From which day on (default: today).")
]


def expire(
    name: BaselineName, reason: Reason, by: By, since: Since = None, as_json: Json = False, recipes: Recipes = None
) -> None:
    """Write the withdrawal."""
    known = Baselines(settings(recipes=recipes).recipes)
    held = known.held(name)
    with changing_baselines(held.path):
        held = known.held(name)
        said = built_value(Withdrawal, baseline=held.name, sha256=held.sha256, since=day(since), reason=reason, by=by)
        path = withdraw(held, said)
    if as_json:
        sys.stdout.write(pretty_json(said).decode())
    else:
        sys.stdout.write(f"{held.name} is withdrawn from {said.since} on: {said.reason}\n  {path}\n")
