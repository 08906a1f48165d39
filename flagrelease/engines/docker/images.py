"""The engine that answers as Docker does, as `ports.ImageEngine`: builds a bundle from its declaration, runs it."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.domain.chip import Architecture
from flagrelease.domain.evalrun import HostFacts
from flagrelease.domain.image import BuildContext, Image
from flagrelease.domain.value import Digest
from flagrelease.engine_ports import BuildRequest
from flagrelease.engines.docker.archive import repacked_layers
from flagrelease.engines.docker.container import Order, running
from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.engines.docker.folder import STAGE, fill
from flagrelease.engines.docker.kept import describe, image_id, take_in
from flagrelease.engines.docker.sdk import ends_of
from flagrelease.engines.embedded.assemble import write_layers
from flagrelease.engines.embedded.engine import HOST, read_config
from flagrelease.engines.embedded.health import wait_until_healthy
from flagrelease.engines.embedded.kept_layers import FOLDER as LAYERS
from flagrelease.engines.embedded.machine import host_facts, started_as
from flagrelease.engines.embedded.port import free_port, require_free
from flagrelease.errors import BuildError, SmokeError, ToolError
from flagrelease.oci.manifest import canonical
from flagrelease.ports import Progress, Server, ServeRequest, Store

REPOSITORY = "flagrelease"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside the container; outside it is on 127.0.0.1 alone
_LEAVE_WITHIN_S = 5.0
_HEALTH_TIMEOUT_S = 5.0


class DockerImageEngine:
    """Fulfils `ports.ImageEngine` by a container engine of this machine, with `store` for blobs."""

    def __init__(self, store: Store, home: Path, engine: DockerEngine) -> None:
        self._store = store
        self._home = home
        self._engine = engine

    def check(self, architecture: Architecture) -> None:
        """Raise ToolError when the engine is not here, or cannot run images of this architecture."""
        facts = self._engine.facts()
        if facts.architecture != architecture:
            raise ToolError(
                f"the engine is {facts.architecture}, and the bundle is for {architecture}",
                hint=f"set DOCKER_HOST to an engine that is {architecture}",
            )
        if facts.remote:
            raise ToolError(
                f"the engine at {self._engine.sdk.host} is another machine's: it cannot show the weights of this one, "
                "and its servers are not on this one's loopback",
                hint="build here with `--until build`, then go on there with `--from smoke_kernels`",
            )

    def build(self, context: BuildContext, progress: Progress) -> Image:
        """Build all but the weights by the engine, keep it, and lay the weights on top.

        Equal contexts give equal digests with one version of an engine. `progress` counts bytes that go in.

        Raises:
            BuildError: the parts do not make one tree, or the engine does not build them.
        """
        layers = write_layers(context, self._store, progress, kept=self._home / LAYERS)
        weights = [layer for layer in layers if layer.name == "weights"]
        built = [layer for layer in layers if layer.name != "weights"]
        if not built:
            raise BuildError("the image has nothing but weights, wanted a base, wheels or files")
        self._home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._home, prefix="docker-build-") as folder:
            tag = f"{REPOSITORY}:build-{Path(folder).name.rpartition('-')[2].lower()}"
            request = BuildRequest(
                folder=Path(folder),
                dockerfile=fill(Path(folder), context, built, self._store),
                target=STAGE,
                architecture=context.architecture,
                log=Path(folder, "build.log"),
                tag=tag,
            )
            self._engine.build(request, lambda _done, _total: None)
            size = sum(layer.size for layer in built)
            config, raw, made = take_in(self._engine.sdk.save(tag), self._store, lambda _done, _total: None, size)
            self._engine.remove(tag)
        return describe(config, raw, [*made, *weights], self._store, context.weights)

    def host(self) -> HostFacts:
        """This machine."""
        return host_facts()

    def free_port(self) -> int:
        """A port that no server of this machine listens on now."""
        return free_port(HOST)

    @contextmanager
    def serve(self, image: Image, request: ServeRequest) -> Iterator[Server]:
        """Start the entry point in a container; its port is published on 127.0.0.1 and nowhere else.

        Leaving the block ends every process: SIGTERM, and SIGKILL after 5 s. The log begins with the command.

        Raises:
            ToolError: the port is taken, or the engine refuses the container.
            BuildError: the engine cannot load the image, or it has no entry point.
            SmokeError: the image's program cannot be started.
        """
        require_free(request.port, HOST)
        config = read_config(image, self._store)
        argv = (*config.entrypoint, "--host", _EVERYWHERE, "--port", str(request.port), *request.arguments)
        order = Order(
            image=self._loaded(image),
            entrypoint=argv[:1],
            arguments=argv[1:],
            env=request.env,
            without=request.without & config.env.keys() - request.env.keys(),
            mounts=(*self._weights(image), *request.mounts),
            port=(request.port, request.port),
        )
        base_url = f"http://{HOST}:{request.port}"
        health = ServingClient(base_url, timeout_s=_HEALTH_TIMEOUT_S)
        _say(request.log, argv)
        with running(self._engine.sdk, self._engine.client, order, log=request.log) as container:
            yield Server(
                base_url=base_url,
                pid=container.pid,
                log=request.log,
                stop=container.stop,
                alive=container.alive,
                processes=container.processes,
                memory=container.memory,
                started_as=lambda: started_as(container.pid),
                wait_until_healthy=lambda within_s: wait_until_healthy(
                    health, container.alive, within_s, log=request.log
                ),
            )
            if container.alive():
                container.stop(_LEAVE_WITHIN_S)

    def run(self, image: Image, argv: Sequence[str], *, log: Path, timeout_s: float) -> int:
        """Run a program inside the image; its exit status. Output goes to `log`.

        Raises:
            SmokeError: the program cannot be started or did not end within `timeout_s` seconds.
        """
        read_config(image, self._store)
        order = Order(
            image=self._loaded(image), entrypoint=argv[:1], arguments=argv[1:], mounts=tuple(self._weights(image))
        )
        _say(log, argv)
        with running(self._engine.sdk, self._engine.client, order, log=log) as container:
            status = container.wait(timeout_s)
        if status is None:
            raise SmokeError(f"`{argv[0]}` did not end within {timeout_s:g} s in the image", log=log)
        return status

    def _weights(self, image: Image) -> Iterator[tuple[Path, str]]:
        return ((self._store.path(file.content), file.path) for file in image.weights)

    def _loaded(self, image: Image) -> str:
        """The tag of the image in the engine, without its weights: they are shown from the store.

        Raises:
            BuildError: the engine does not take it.
        """
        tag = f"{REPOSITORY}:{image.digest.removeprefix('sha256:')}"
        layers = [layer for layer in image.layers if not (image.weights and layer.name == "weights")]
        config = _without(json.loads(self._store.path(image.config).read_bytes()), [layer.digest for layer in layers])
        content = canonical(config)
        found = self._engine.image(tag)
        # With the containerd store, an engine calls an image by another digest; its tag is all there is to go by.
        if found is not None and (found.id == image_id(content) or self._engine.facts().containerd_store):
            return tag
        files = [(self._store.path(layer.digest), layer.size) for layer in layers]
        with self._store.lock(f"docker-{tag}"):
            faults = ends_of(self._engine.sdk.load(repacked_layers(content, files, tag)))
        if faults or self._engine.image(tag) is None:
            told = faults[0] if faults else "it does not have it afterwards"
            raise BuildError(f"the engine does not load the image {image.digest}: {told}", hint="see the engine's log")
        return tag


def _without(config: dict[str, Any], layers: Sequence[Digest]) -> Mapping[str, Any]:
    """The configuration of these layers of an image alone."""
    history = list(config.get("history") or ())[: len(layers)]
    return {**config, "history": history, "rootfs": {"diff_ids": list(layers), "type": "layers"}}


def _say(log: Path, argv: Sequence[str]) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(argv)}\n")
