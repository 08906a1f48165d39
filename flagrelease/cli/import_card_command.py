"""A bundle recipe, a table of published scores for each of the card's, and its defects with their lines.

The drafts are printed, or written below `--to`, never over a file that is there. What the card does not say is a `TODO`
that `flagrelease lint` names. Nothing of the card is run, and nothing is fetched. FILE may be `-` for standard input.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.complete import names_in
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.domain.value import Name
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.create import create
from flagrelease.formats.fits import fits
from flagrelease.importing.importing import Imported
from flagrelease.importing.importing import import_card as imported_card
from flagrelease.importing.text import LIMIT
from flagrelease.report.words import short

File = Annotated[Path, typer.Argument(metavar="FILE", help="The card, in Markdown; `-` reads standard input.")]
ItsChip = Annotated[
    str | None,
    typer.Option("--chip", help="Chip of the card, where it does not say.", autocompletion=names_in("chips")),
]
ItsModel = Annotated[
    str | None,
    typer.Option("--model", help="Model of the card, known or new.", autocompletion=names_in("models")),
]
To = Annotated[Path | None, typer.Option("--to", help="Write the drafts below this folder, such as recipes.")]


def import_card(
    file: File,
    chip: ItsChip = None,
    model: ItsModel = None,
    to: To = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Print or write the drafts of a card."""
    data = _read(file)
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    if model and not fits(Name, model):
        raise RecipeError(
            f"wanted the name of a model, found {short(model)!r}", hint="lower case, such as minicpm-o-2.6"
        )
    everything = catalogue.everything()
    for one in everything.unreadable:
        sys.stderr.write(f"not used, since it cannot be read: {one.path}\n")
    found = imported_card(
        data,
        source=file.name if str(file) != "-" else "standard-input",
        recipes=everything,
        chip=catalogue.chip(chip).name if chip else "",
        model=model or "",
    )
    written = _write(found, to) if to else []
    if as_json:
        sys.stdout.write(pretty_json(_as_data(found)).decode())
    elif to:
        sys.stdout.write("".join(f"{path}\n" for path in written))
    else:
        sys.stdout.write("---\n".join(f"# {draft.path}\n{draft.text}" for draft in found.drafts))
    _tell(found, file, is_known=found.model in everything.models)


def _read(file: Path) -> bytes:
    """The card's bytes, and one more than there may be. Raises RecipeError when it cannot be read."""
    if str(file) == "-":
        return sys.stdin.buffer.read(LIMIT + 1)
    try:
        with file.open("rb") as stream:
            return stream.read(LIMIT + 1)
    except OSError as error:
        raise RecipeError(
            f"{file}: wanted a model card that can be read: {error.strerror}", hint="name the card's Markdown file"
        ) from error


def _write(found: Imported, folder: Path) -> list[Path]:
    """Write every draft or none. Raises RecipeError when one of the files is there."""
    paths = [folder / draft.path for draft in found.drafts]
    if there := [path for path in paths if path.exists() or path.is_symlink()]:
        raise RecipeError(
            "".join(f"there is a file already: `{path}`\n" for path in there).rstrip("\n"),
            hint="write the drafts to another folder, or print them, and compare",
        )
    for path, draft in zip(paths, found.drafts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            create(path, draft.text.encode())
        except FileExistsError as error:
            raise RecipeError(
                f"there is a file already: `{path}`", hint="write the drafts to another folder"
            ) from error
    return paths


def _as_data(found: Imported) -> dict[str, Any]:
    return {
        "card": found.source,
        "sha256": found.sha256,
        "chip": found.chip,
        "model": found.model,
        "drafts": [dataclasses.asdict(draft) for draft in found.drafts],
        "defects": [{**dataclasses.asdict(one), "instead": one.instead} for one in found.defects],
        "images": [{**dataclasses.asdict(one), "short": sorted(one.short)} for one in found.images],
    }


def _tell(found: Imported, file: Path, *, is_known: bool) -> None:
    for one in found.defects:
        sys.stderr.write(f"{file}:{one.line}: {one.kind}: {short(one.what)}\n")
    sys.stderr.write(f"{len(found.defects)} defects of the card; the draft says what is done instead of each\n")
    if not is_known:
        hub = f" --{found.weights.hub} {found.weights.repo}" if found.weights else ""
        sys.stderr.write(f"next: flagrelease new model {found.model}{hub}\n")
    sys.stderr.write(f"next: fill each TODO; `flagrelease lint` names those that are left in {found.bundle.path}\n")
