"""Print the items of a task in the order in which planned looks take them.

The order is by hash of the policy's seed, the task and the item's id, so that it is the same everywhere and no answer
can have moved it. R are results that hold all items, such as the reference's: only their ids are read. A harness is
given the items up to a look, both sides are judged by `flagrelease gate --sequential`, and where that does not decide
it says up to which item to go on.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.cli.gate.policy import ThePolicy, policy_named
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.gate.order import order_of
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources

Task = Annotated[str, typer.Option("--task", help="A task of the policy.")]
Items = Annotated[Path, typer.Option("--items", metavar="R", help="Results that hold all items of the task.")]
UpTo = Annotated[int | None, typer.Option("--up-to", min=1, metavar="N", help="The first N items only.")]


def order(
    policy: ThePolicy, task: Task, items: Items, up_to: UpTo = None, as_json: Json = False, recipes: Recipes = None
) -> None:
    """One id a line; `--json` has all of them with the looks, which `flagrelease gate --order` takes."""
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    records = records_of(Sources(ResultFiles(items)))
    found = order_of(policy_named(catalogue, policy), task, records, catalogue.everything().benchmarks)
    if as_json:
        sys.stdout.write(pretty_json(found).decode())
        return
    sys.stderr.write(f"looks after {', '.join(f'{one:,}' for one in found.looks)} items\n")
    sys.stdout.writelines(f"{item}\n" for item in found.items[:up_to])
