"""Check a baseline by itself, and against a bundle with --chip and --model.

By itself: its schema, whose signature it has, the hash of every record, each score recomputed from its items, whether
the score can be, and whether the items are those of its policy, one to one; how many answers reruns gave otherwise.
Against a bundle: its policy, weights, datasets and prompts. Exit codes: 3 when it is damaged, expired or withdrawn,
8 when it does not fit.
"""

import sys
from typing import Annotated

import typer

from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.baseline.checking import Checked, bundle_fits, policy_fits, records_of_held
from flagrelease.cli.baseline.looking import day, keys
from flagrelease.cli.baseline.options import BaselineName, Day, Trusted
from flagrelease.cli.gate.policy import POLICY, policy_named
from flagrelease.cli.options import Json, OneChip, OneModel, Recipes, Variant
from flagrelease.cli.settings import settings
from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import GateError, LockError, RecipeError
from flagrelease.formats.canonical import pretty_json

Signed = Annotated[bool, typer.Option("--signed", help="Without a signature that counts, it is not good.")]
OtherPolicy = Annotated[str | None, POLICY]


def verify(
    name: BaselineName,
    chip: OneChip = None,
    model: OneModel = None,
    variant: Variant = None,
    policy: OtherPolicy = None,
    signed: Signed = False,
    trusted: Trusted = None,
    today: Day = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Print what was checked and what was found."""
    if (chip is None) != (model is None):
        raise typer.BadParameter("wanted --chip and --model, or neither")
    chosen = settings(recipes=recipes)
    catalogue, known = Catalogue(chosen.recipes), Baselines(chosen.recipes)
    held = known.held(name)
    report = Checked()
    recipe = catalogue.recipe(chip, model, variant) if chip and model else None
    named = policy_named(catalogue, policy) if policy else recipe.policy if recipe else None
    if named is None and held.statement is not None and held.statement.policy in catalogue.names("gates"):
        named = catalogue.policy(held.statement.policy)
    wanted = signed or (named is not None and named.signed_reference)
    report.signers(held, keys(known, trusted), wanted=wanted)
    report.bad("in force", held.why_not(day(today)))
    records = records_of_held(held, report)
    if named is not None and records:
        policy_fits(held, named, catalogue.everything().benchmarks, records, report)
    if recipe is not None and records:
        bundle_fits(held, recipe, _lock(catalogue, recipe), records, FileStore(chosen.home), report)
    sys.stdout.write(pretty_json(report.data(held)).decode() if as_json else report.words(held))
    if report.damaged:
        raise RecipeError(f"the baseline `{held.name}` is not good: {'; '.join(report.damaged)}")
    if report.unfit:
        raise GateError(f"the baseline `{held.name}` does not fit: {', '.join(report.unfit)}")


def _lock(catalogue: Catalogue, recipe: Recipe) -> Lock | None:
    """The whole lock, where there is one: what is open in another cannot be compared."""
    try:
        lock = catalogue.lock(recipe)
    except LockError:
        return None
    return lock if isinstance(lock, Lock) else None
