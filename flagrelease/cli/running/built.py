"""Serve a bundle that was built on this machine, from its recipes."""

import sys
import time
from contextlib import ExitStack

from flagrelease.adapters.storage.roots import in_use
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.running.asked import Asked
from flagrelease.cli.running.leasing import master_port
from flagrelease.cli.session import session
from flagrelease.cli.settings import Settings
from flagrelease.domain.run_spec import RunSpec
from flagrelease.errors import SmokeError, SourceError
from flagrelease.launch.spec import run_spec
from flagrelease.launch.start import access_of, env_of
from flagrelease.pipeline import make_image
from flagrelease.ports import Server, ServeRequest

_POLL_S = 0.5


def serve_built(chosen: Settings, asked: Asked, *, chip: str, model: str, variant: str | None) -> None:
    """Serve until interrupted.

    Raises:
        SourceError: the bundle is not built here.
        SmokeError: the server ended by itself, or was not ready in time.
    """
    # Asked before anything is unpacked: a misspelt name should cost nothing.
    switched(run_spec(cached_catalogue(chosen).recipe(chip, model, variant)), asked)
    try:
        with session(chosen, chip=chip, model=model, variant=variant, quiet=False) as at:
            lock, _, image = make_image(at.run, at.recipe, at.lock)
    except SourceError as error:
        # What is missing, file by file, is the business of `build`: here it is only that it was not done.
        missing = error.message.partition("\n")[0].removesuffix(":")
        hint = f"run `flagrelease build --chip {chip} --model {model}` first"
        raise SourceError(f"the bundle is not ready here: {missing}", hint=hint) from error
    spec = run_spec(at.recipe, lock)
    env, without = switched(spec, asked)
    log = at.folder / "server.log"
    # The bundle's folder is free again here: a server that runs keeps nobody from building, only from `gc`.
    with ExitStack() as stack:
        stack.enter_context(in_use(chosen.home))
        env |= stack.enter_context(master_port(spec, chosen.home))
        request = ServeRequest(port=asked.port or lock.serving.port, env=env, without=without, log=log)
        server = stack.enter_context(at.tools.engine.serve(image, request))
        follow(server, served_name=lock.serving.served_name, within_s=lock.serving.ready_within_s)


def switched(spec: RunSpec, asked: Asked) -> tuple[dict[str, str], frozenset[str]]:
    """The variables of a start that the image does not set so itself, and those that are taken out of it."""
    access = access_of(spec, asked.way)
    env, without = env_of(spec, access, native=asked.native, profiles=asked.profiles)
    return {name: value for name, value in env.items() if spec.env.get(name) != value}, frozenset(without)


def follow(server: Server, *, served_name: str, within_s: float) -> None:
    """Say where the server is once it is ready, and stay until it ends."""
    server.wait_until_healthy(within_s)
    sys.stdout.write(f"serving {served_name} at {server.base_url}/v1 (Ctrl+C stops it; log: {server.log})\n")
    sys.stdout.flush()
    while server.alive():
        time.sleep(_POLL_S)
    raise SmokeError("the server ended by itself", log=server.log)
