"""The embedded engine: builds images without a daemon, runs them in a user namespace without root."""

import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.domain.chip import MACHINES, Architecture
from flagrelease.domain.evalrun import HostFacts
from flagrelease.domain.image import BuildContext, Image
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.engines.embedded.health import wait_until_healthy
from flagrelease.engines.embedded.kept_layers import FOLDER as LAYERS
from flagrelease.engines.embedded.launch import Contained, Program, launched, trial
from flagrelease.engines.embedded.machine import host_facts, started_as
from flagrelease.engines.embedded.memory import memory_of
from flagrelease.engines.embedded.port import free_port, require_free
from flagrelease.engines.embedded.rootfs import Unpack, unpacked
from flagrelease.errors import BuildError, SmokeError, ToolError
from flagrelease.oci.unpack import unpack_layers
from flagrelease.ports import Progress, Server, ServeRequest, Store

HOST = "127.0.0.1"
"""Where below the home the records of layers lie."""

_LEAVE_WITHIN_S = 5.0
_HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """The part of an image's configuration (OCI image spec, config.md) that says how to run it."""

    entrypoint: tuple[str, ...]
    env: dict[str, str]
    folder: str


class EmbeddedEngine:
    """Fulfils `ports.ImageEngine` with `store` for blobs and `home`/rootfs for unpacked images."""

    def __init__(
        self,
        store: Store,
        home: Path,
        *,
        unpack: Unpack = unpack_layers,
    ) -> None:
        self._store = store
        self._home = home
        self._unpack = unpack

    def check(self, architecture: Architecture) -> None:
        """Make every namespace and mount once; raises ToolError with the setting that refuses it."""
        here = MACHINES.get(platform.machine(), platform.machine())
        if here != architecture:
            raise ToolError(
                f"this machine is {here}, and the bundle is for {architecture}",
                hint=f"build it on a machine that is {architecture}",
            )
        self._home.mkdir(parents=True, exist_ok=True)
        trial(self._home)

    def build(self, context: BuildContext, progress: Progress) -> Image:
        """Assemble the image into the store. Equal contexts give equal digests."""
        return assemble(context, self._store, progress, kept=self._home / LAYERS)

    def host(self) -> HostFacts:
        """This machine."""
        return host_facts()

    def free_port(self) -> int:
        """A port that no server of this machine listens on now."""
        return free_port(HOST)

    @contextmanager
    def serve(self, image: Image, request: ServeRequest) -> Iterator[Server]:
        """Start the entry point with `--host 127.0.0.1 --port N` and the request's arguments, on the host's network.

        Leaving the block ends every process: SIGTERM, and SIGKILL after 5 s. The log begins with the command.

        Raises:
            ToolError: The port is taken, or this machine refuses a namespace.
            BuildError: The image cannot be unpacked, or has no entry point.
            SmokeError: The image's program cannot be started.
        """
        require_free(request.port, HOST)
        config = read_config(image, self._store)
        kept = {name: value for name, value in config.env.items() if name not in request.without}
        config = replace(config, env={**kept, **request.env})
        argv = (*config.entrypoint, "--host", HOST, "--port", str(request.port), *request.arguments)
        base_url = f"http://{HOST}:{request.port}"
        health = ServingClient(base_url, timeout_s=_HEALTH_TIMEOUT_S)
        with self._launched(image, config, argv, mounts=request.mounts, log=request.log) as contained:
            yield Server(
                base_url=base_url,
                pid=contained.pid,
                log=request.log,
                stop=contained.stop,
                alive=contained.alive,
                processes=contained.processes,
                memory=lambda: memory_of(contained.processes()),
                started_as=lambda: started_as(contained.pid),
                wait_until_healthy=lambda within_s: wait_until_healthy(
                    health, contained.alive, within_s, log=request.log
                ),
            )
            if contained.alive():
                contained.stop(_LEAVE_WITHIN_S)

    def run(self, image: Image, argv: Sequence[str], *, log: Path, timeout_s: float) -> int:
        """Run a program inside the image; its exit status. Output goes to `log`.

        Raises:
            SmokeError: The program cannot be started or did not end within `timeout_s` seconds.
        """
        config = read_config(image, self._store)
        with self._launched(image, config, tuple(argv), log=log) as contained:
            try:
                return contained.launcher.wait(timeout_s)
            except subprocess.TimeoutExpired as error:
                raise SmokeError(f"`{argv[0]}` did not end within {timeout_s:g} s in the image", log=log) from error

    @contextmanager
    def _launched(
        self,
        image: Image,
        config: ImageConfig,
        argv: tuple[str, ...],
        *,
        mounts: tuple[tuple[Path, str], ...] = (),
        log: Path,
    ) -> Iterator[Contained]:
        rootfs = unpacked(image, store=self._store, home=self._home, unpack=self._unpack)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(argv)}\n")
        weights = tuple((self._store.path(file.content), file.path) for file in image.weights)
        program = Program(rootfs=rootfs, argv=argv, env=config.env, cwd=config.folder, mounts=(*weights, *mounts))
        with launched(program, log=log) as contained:
            yield contained


def read_config(image: Image, store: Store) -> ImageConfig:
    """How to run an image, from its configuration blob.

    Raises:
        BuildError: The configuration is no JSON object, or names no entry point.
    """
    try:
        found = json.loads(store.path(image.config).read_bytes())["config"]
        entrypoint = tuple(map(str, (*(found.get("Entrypoint") or ()), *(found.get("Cmd") or ()))))
        env = dict(str(pair).split("=", 1) for pair in found.get("Env") or ())
        folder = str(found.get("WorkingDir") or "/")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"the configuration {image.config} of image {image.digest} cannot be read: {error}") from error
    if not entrypoint:
        raise BuildError(f"image {image.digest} has no entry point", hint="give the bundle an `entrypoint`")
    return ImageConfig(entrypoint=entrypoint, env=env, folder=folder)
