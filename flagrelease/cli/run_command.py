"""Start the server of a built bundle: inside its image, in a user namespace, on loopback. Ctrl+C stops it."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cli.options import Chip, Model, Out, Recipes, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.errors import SmokeError
from flagrelease.pipeline import release
from flagrelease.ports import Server, ServeRequest

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port [default: the recipe's].")]
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
    with session(chosen, chip=chip, model=model, variant=variant, quiet=False) as at:
        built = release(at.run, at.recipe, at.lock)
        log = at.folder / "server.log"
        request = ServeRequest(port=port or built.lock.serving.port, log=log)
        engine = at.tools.engine
    # The bundle's folder is free again here: a server that runs keeps nobody from building.
    with engine.serve(built.image, request) as server:
        _wait(server, log, built.lock.serving.served_name)


def _wait(server: Server, log: Path, name: str) -> None:
    sys.stdout.write(f"serving {name} at {server.base_url}/v1 (Ctrl+C stops it; log: {log})\n")
    sys.stdout.flush()
    while server.alive():
        time.sleep(_POLL_S)
    raise SmokeError("the server ended by itself", log=log)
