"""What answered (chip, image or software, weights, switches), what was asked and how, who recorded it, until when."""

import sys

from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.cli.baseline.looking import day, keys, looked_up
from flagrelease.cli.baseline.options import BaselineName, Day, Trusted
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.report.baselines import shown_words


def show(
    name: BaselineName, trusted: Trusted = None, today: Day = None, as_json: Json = False, recipes: Recipes = None
) -> None:
    """Print one baseline."""
    known, now = Baselines(settings(recipes=recipes).recipes), day(today)
    held = known.held(name)
    one = looked_up(known, held.name, keys(known, trusted), now)
    if not as_json:
        sys.stdout.write(shown_words(one, now))
        return
    statement = held.statement
    data = {
        **one.data(),
        "statement": statement.model_dump(mode="json", by_alias=True) if statement else None,
        "flip_rates": dict(statement.flip_rates) if statement else {},
    }
    sys.stdout.write(pretty_json(data).decode())
