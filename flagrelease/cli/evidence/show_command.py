"""What a pack is about, where it was made, by whom it is signed, and what it says that the verdict is.

Every byte is checked first, against the pack's own manifest; whether it fits a bundle is what `take` says.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.evidence.reading import opened_pack
from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.cli.baseline.options import Trusted
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.report.evidence import pack_data, shown_words

PackFile = Annotated[Path, typer.Argument(metavar="PACK", help="A file that `evidence pack` wrote.")]


def show(pack: PackFile, trusted: Trusted = None, as_json: Json = False, recipes: Recipes = None) -> None:
    """Print it."""
    keys = Baselines(settings(recipes=recipes).recipes).trusted(trusted or ())
    with opened_pack(pack, keys) as found:
        if as_json:
            sys.stdout.write(pretty_json(pack_data(pack, found.sha256, found.manifest, found.signer)).decode())
        else:
            sys.stdout.write(shown_words(pack, found.sha256, found.manifest, found.signer, found.claimed))
