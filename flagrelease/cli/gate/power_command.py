"""Count how likely a policy lets a chip through that is identical, or worse by 1, 2, 3, 5 or 10 points.

Every outcome is counted, nothing is drawn; tasks are taken as independent, and what the suite of them may hold is not
counted in. How many answers two equal chips give
differently is what a task names, 10 % where it names nothing, or --flips. docs/statistics.md says how it is counted.
"""

import sys
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.gate.policy import ThePolicy, policy_named
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.gate.planned import levels_of, planned
from flagrelease.report.power import power_data, power_text

Flips = Annotated[
    float | None,
    typer.Option("--flips", min=0.001, max=0.5, help="Share of answers that two equal chips give differently."),
]


def power(policy: ThePolicy, flips: Flips = None, as_json: Json = False, recipes: Recipes = None) -> None:
    """Print the chances of GO, HOLD and NO-GO, and of each task."""
    from flagrelease.gate.statistics.policy_power import consumer_risk, curve  # noqa: PLC0415 - loads scipy

    chosen = policy_named(Catalogue(settings(recipes=recipes).recipes), policy)
    tasks, levels = planned(chosen, flip_rate=flips), levels_of(chosen)
    points = curve(tasks, levels=levels)
    risk = consumer_risk(tasks, levels=levels) if any(task.tier == "critical" for task in tasks) else None
    if as_json:
        sys.stdout.write(pretty_json(power_data(chosen.name, tasks, points, risk)).decode())
    else:
        sys.stdout.write(power_text(chosen.name, tasks, points, risk))
