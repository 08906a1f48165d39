"""Start the server of a built bundle: inside its image, in a user namespace, on loopback. Ctrl+C stops it.

`--profile` sets a group of variables that the chip's recipe names, such as one that turns logs on.
"""

import difflib
import sys
import time
from collections.abc import Iterable
from typing import Annotated

import typer

from flagrelease.adapters.storage.roots import in_use
from flagrelease.cli.options import Chip, Model, Out, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError, SmokeError, SourceError
from flagrelease.pipeline import make_image
from flagrelease.ports import ServeRequest

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port (default: the recipe's).")]
Profile = Annotated[
    list[str] | None, typer.Option("--profile", help="Set this group of variables of the chip. May be repeated.")
]
_POLL_S = 0.5


def run(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    port: Port = None,
    profile: Profile = None,
    recipes: Recipes = None,
    out: Out = None,
) -> None:
    """Serve until interrupted."""
    chosen = settings(recipes=recipes, out=out, offline=True)
    # Asked before anything is unpacked: a misspelt name should cost nothing.
    _profile_env(cached_catalogue(chosen).recipe(chip, model, variant), profile or ())
    try:
        with session(chosen, chip=chip, model=model, variant=variant, quiet=False) as at:
            lock, _, image = make_image(at.run, at.recipe, at.lock)
    except SourceError as error:
        # What is missing, file by file, is the business of `build`: here it is only that it was not done.
        missing = error.message.partition("\n")[0].removesuffix(":")
        hint = f"run `flagrelease build --chip {chip} --model {model}` first"
        raise SourceError(f"the bundle is not ready here: {missing}", hint=hint) from error
    log = at.folder / "server.log"
    env = _profile_env(at.recipe, profile or ())
    request = ServeRequest(port=port or lock.serving.port, env=env, log=log)
    # The bundle's folder is free again here: a server that runs keeps nobody from building, only from `gc`.
    with in_use(chosen.home), at.tools.engine.serve(image, request) as server:
        server.wait_until_healthy(lock.serving.ready_within_s)
        sys.stdout.write(f"serving {lock.serving.served_name} at {server.base_url}/v1 (Ctrl+C stops it; log: {log})\n")
        sys.stdout.flush()
        while server.alive():
            time.sleep(_POLL_S)
        raise SmokeError("the server ended by itself", log=log)


def _profile_env(recipe: Recipe, names: Iterable[str]) -> dict[str, str]:
    """The variables of these profiles, the later over the earlier. Raises RecipeError with the nearest names."""
    known = {name: p for name, p in recipe.chip.profiles.items() if not p.engines or recipe.engine.name in p.engines}
    env: dict[str, str] = {}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            there = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
            wanted = f"chip `{recipe.chip.name}` has no profile `{name}` for {recipe.engine.title}"
            raise RecipeError(wanted, hint=there)
        env |= known[name].on
    return env
