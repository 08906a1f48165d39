"""One line a baseline: its name, chip, age, last day, who signed it, and what speaks against it today."""

import sys
from typing import Annotated

import typer

from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.cli.baseline.looking import day, keys, looked_up
from flagrelease.cli.baseline.options import Day, Trusted
from flagrelease.cli.options import Json, OneChip, OneModel, Recipes
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.report.baselines import listed_words

Within = Annotated[int | None, typer.Option("--expires-within", min=0, help="Only those that end in so many days.")]
SignedBy = Annotated[
    str | None, typer.Option("--signed-by", help="Only those with a signature of this name or key id.")
]
Older = Annotated[int | None, typer.Option("--older-than", min=0, help="Only those of more than so many days.")]


def list(  # noqa: A001 - the command is called so
    model: OneModel = None,
    chip: OneChip = None,
    older_than: Older = None,
    expires_within: Within = None,
    signed_by: SignedBy = None,
    trusted: Trusted = None,
    today: Day = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Print those that fit every option."""
    known, now = Baselines(settings(recipes=recipes).recipes), day(today)
    signers = keys(known, trusted)
    found = [looked_up(known, name, signers, now) for name in known.names()]
    found = [
        one
        for one in found
        if model in (None, one.model)
        and chip in (None, one.chip)
        and (older_than is None or (one.recorded is not None and (now - one.recorded).days > older_than))
        and (expires_within is None or (one.expires is not None and (one.expires - now).days <= expires_within))
        and (signed_by is None or any(signed_by in (key.name, key.id) for key in one.signers))
    ]
    if as_json:
        sys.stdout.write(pretty_json([one.data() for one in found]).decode())
    else:
        sys.stdout.write(listed_words(found, now))
