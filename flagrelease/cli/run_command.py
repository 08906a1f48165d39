"""Start the server of a built bundle: inside its image, in a user namespace, on loopback. Ctrl+C stops it."""

import sys
import time
from typing import Annotated

import typer

from flagrelease.adapters.storage.roots import in_use
from flagrelease.cli.options import Chip, Model, Out, Recipes, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.errors import SmokeError, SourceError
from flagrelease.pipeline import make_image
from flagrelease.ports import ServeRequest

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port (default: the recipe's).")]
_POLL_S = 0.5


def run(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    port: Port = None,
    recipes: Recipes = None,
    out: Out = None,
) -> None:
    """Serve until interrupted."""
    chosen = settings(recipes=recipes, out=out, offline=True)
    try:
        with session(chosen, chip=chip, model=model, variant=variant, quiet=False) as at:
            lock, _, image = make_image(at.run, at.recipe, at.lock)
    except SourceError as error:
        hint = f"run `flagrelease build --chip {chip} --model {model}` first"
        raise SourceError(error.message, hint=hint) from error
    log = at.folder / "server.log"
    request = ServeRequest(port=port or lock.serving.port, log=log)
    # The bundle's folder is free again here: a server that runs keeps nobody from building, only from `gc`.
    with in_use(chosen.home), at.tools.engine.serve(image, request) as server:
        server.wait_until_healthy(lock.serving.ready_within_s)
        sys.stdout.write(f"serving {lock.serving.served_name} at {server.base_url}/v1 (Ctrl+C stops it; log: {log})\n")
        sys.stdout.flush()
        while server.alive():
            time.sleep(_POLL_S)
        raise SmokeError("the server ended by itself", log=log)
