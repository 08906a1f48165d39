"""Start a bundle, or with `--print` say how it is started: the least privileged command or file.

Of a bundle that was built here, by its recipes: `--chip` and `--model`. Ctrl+C stops it. `--native` switches FlagOS
off; `--profile` sets a group of variables that the chip's recipe names, such as one that turns logs on.
"""

from flagrelease.cli.options import EngineName, Json, OneChip, OneModel, Out, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.running.asked import Access, Asked, Native, Port, Print, Profile, way_of, with_bare_print
from flagrelease.cli.settings import Settings, settings
from flagrelease.errors import RecipeError
from flagrelease.launch.container import image_name, is_ours
from flagrelease.launch.spec import run_spec

words = with_bare_print
"""How the words of its command line are read (cli/app.py)."""


def run(
    chip: OneChip = None,
    model: OneModel = None,
    variant: Variant = None,
    print_: Print = None,
    port: Port = None,
    native: Native = False,
    profile: Profile = None,
    access: Access = None,
    engine: EngineName = "auto",
    recipes: Recipes = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Start a bundle, or say how."""
    chosen = settings(recipes=recipes, out=out, offline=True, engine=engine)
    asked = Asked(port=port, native=native, profiles=tuple(profile or ()), way=way_of(access))
    if chip is None or model is None:
        raise RecipeError("wanted --chip and --model", hint="`flagrelease matrix` lists all bundles")
    if print_ is not None:
        _print(chosen, asked, print_, chip=chip, model=model, variant=variant, json=json)
        return
    from flagrelease.cli.running.built import serve_built  # noqa: PLC0415 - the engine takes time to load

    serve_built(chosen, asked, chip=chip, model=model, variant=variant)


def _print(
    chosen: Settings, asked: Asked, form: str, *, chip: str, model: str, variant: str | None, json: bool
) -> None:
    from flagrelease.cli.running.printing import print_start  # noqa: PLC0415

    catalogue = cached_catalogue(chosen)
    recipe = catalogue.recipe(chip, model, variant)
    print_start(run_spec(recipe), asked, form, image=image_name(recipe), ours=is_ours(recipe), json=json)
