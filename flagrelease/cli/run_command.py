"""Start a bundle, or with `--print` say how it is started: the least privileged command or file.

Either one that was built here, by its recipes: `--chip` and `--model`. Or any image of this project, by its digest,
with no recipes at hand: `HOST:PORT/REPO@sha256:…`, or `oci:DIR@sha256:…`. Its label says what it needs; this machine
is looked at first, then its layers and weights are fetched by their hashes. Ctrl+C stops it.
"""

from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cli.options import EngineName, Json, Offline, OneChip, OneModel, Out, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.running.asked import Access, Asked, Native, Nodes, Port, Print, Profile, way_of, with_bare_print
from flagrelease.cli.settings import Settings, settings
from flagrelease.errors import RecipeError
from flagrelease.launch.container import image_name, is_ours
from flagrelease.launch.spec import run_spec

words = with_bare_print
"""How the words of its command line are read (cli/app.py)."""

ByDigest = Annotated[str | None, typer.Argument(metavar="[IMAGE@DIGEST]", help="An image, by its digest.")]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="Folder with weights that the image does not carry.", exists=True, file_okay=False),
]


def run(
    image: ByDigest = None,
    chip: OneChip = None,
    model: OneModel = None,
    variant: Variant = None,
    print_: Print = None,
    port: Port = None,
    native: Native = False,
    profile: Profile = None,
    access: Access = None,
    node: Nodes = None,
    weights: Weights = None,
    engine: EngineName = "auto",
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Start a bundle, or say how."""
    asked = Asked(port=port, native=native, profiles=tuple(profile or ()), way=way_of(access), nodes=tuple(node or ()))
    if image is not None:
        if chip or model or variant:
            raise RecipeError("wanted an image or a bundle's --chip and --model, found both", hint="name one of them")
        from flagrelease.cli.running.image import run_image  # noqa: PLC0415 - the engine takes time to load

        chosen = settings(recipes=recipes, out=out, offline=offline, engine=engine)
        run_image(chosen, asked, image, form=print_, weights=weights, json=json)
        return
    if chip is None or model is None:
        hint = "`flagrelease matrix` lists all bundles"
        raise RecipeError("wanted --chip and --model, or an image by its digest", hint=hint)
    chosen = settings(recipes=recipes, out=out, offline=True, engine=engine)
    if print_ is not None:
        _print(chosen, asked, print_, chip=chip, model=model, variant=variant, json=json)
        return
    from flagrelease.cli.running.built import serve_built  # noqa: PLC0415 - the same

    serve_built(chosen, asked, chip=chip, model=model, variant=variant)


def _print(
    chosen: Settings, asked: Asked, form: str, *, chip: str, model: str, variant: str | None, json: bool
) -> None:
    from flagrelease.cli.running.printing import print_start  # noqa: PLC0415 - YAML takes time to load

    catalogue = cached_catalogue(chosen)
    recipe = catalogue.recipe(chip, model, variant)
    print_start(run_spec(recipe), asked, form, image=image_name(recipe), ours=is_ours(recipe), json=json)
