"""The engine that answers as Docker does, as `engine_ports.ContainerEngine`: builds Dockerfiles, keeps images."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from flagrelease.adapters.registry.auth import docker_config_file
from flagrelease.adapters.registry.held import require_held
from flagrelease.domain.chip import Architecture
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.engine_ports import BuildRequest, EngineFacts, EngineImage
from flagrelease.engines.docker.answering import facts_of, host_of
from flagrelease.engines.docker.archive import check_architecture, opened, repacked
from flagrelease.engines.docker.building import environment, run_build
from flagrelease.engines.docker.commands import Builder, find_builder, find_client
from flagrelease.engines.docker.container import Order, Output, running
from flagrelease.engines.docker.kept import describe, take_in
from flagrelease.engines.docker.sdk import Answer, EngineFaultError, Sdk, ends_of
from flagrelease.errors import BuildError, SmokeError, SourceError, ToolError
from flagrelease.harness_ports import Progress
from flagrelease.ports import Store


class DockerEngine:
    """Fulfils `engine_ports.ContainerEngine`. Nothing is asked before the first call."""

    def __init__(self, store: Store, environ: Mapping[str, str]) -> None:
        self._store = store
        self._environ = environ

    @cached_property
    def sdk(self) -> Sdk:
        """The connection to the engine that DOCKER_HOST names, or the machine's own."""
        host = host_of(self._environ)
        if host.startswith("ssh://"):
            raise ToolError(
                f"DOCKER_HOST is {host}: an engine is asked through a socket or TCP here",
                hint="run `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock HOST`, then "
                "DOCKER_HOST=unix:///tmp/engine.sock",
            )
        return Sdk(host, self._environ)

    @cached_property
    def client(self) -> Path:
        """A docker command line, for what every version can do."""
        return find_client(self._environ)

    @cached_property
    def _builder(self) -> Builder:
        return find_builder(self._environ)

    @cached_property
    def _facts(self) -> EngineFacts:
        try:
            builder = self._builder.name
        except ToolError:
            # What only runs images needs none; a build says what is missing.
            builder = "none"
        return facts_of(self.sdk.host, self.sdk.version(), self.sdk.info(), builder)

    def close(self) -> None:
        """Let the connection to the engine go."""
        if "sdk" in self.__dict__:
            self.sdk.close()

    def facts(self) -> EngineFacts:
        """Which engine it is. Refuses podman and too old engines by name."""
        return self._facts

    def image(self, tag: str) -> EngineImage | None:
        """The image of this tag, if the engine has it."""
        found = self.sdk.image(tag)
        return None if found is None else _image(found)

    def pull(self, name: str, digest: Digest, architecture: Architecture, *, tag: str, progress: Progress) -> None:
        """Have `name@digest` under `tag`. An image that the engine has already is not asked for.

        Raises:
            SourceError: the registry has it no longer, or it is for another architecture; nothing was pulled then.
        """
        named = f"{name}@{digest}"
        found = self.image(named)
        if found is None:
            require_held(name, digest, architecture, docker_config=docker_config_file(self._environ, Path.home()))
            faults = ends_of(_counted(self.sdk.pull(name, digest), progress))
            found = self.image(named)
            if faults or found is None:
                told = faults[0] if faults else "the engine does not have it afterwards"
                raise SourceError(f"{named} cannot be pulled: {told}", hint="see that the engine reaches the registry")
        self._require(found, architecture, named)
        self.sdk.tag(named, tag)

    def load(self, archive: Path, *, tag: str, architecture: Architecture) -> None:
        """Have the image of a `docker save` or OCI archive under `tag`, and under no tag that the archive names.

        Raises:
            SourceError: it is no archive of one image, for another architecture, or its layers are not what it says.
        """
        with opened(archive) as (members, saved):
            check_architecture(saved, architecture, archive)
            try:
                faults = ends_of(self.sdk.load(repacked(members, saved, tag)))
            except EngineFaultError as error:
                faults = [str(error)]
        found = self.image(tag)
        if faults or found is None:
            told = faults[0] if faults else "the engine does not have it afterwards"
            if "no space left on device" in told:
                raise ToolError(
                    f"the engine has no room to load {archive}: {told}", hint="free some, then run it again"
                )
            raise SourceError(f"{archive} cannot be loaded: {told}", hint="copy it again, or make it by `docker save`")
        self._require(found, architecture, tag)

    def build(self, request: BuildRequest, progress: Progress) -> None:
        """Build. `progress` counts the steps of the Dockerfile.

        Raises:
            BuildError: a step failed, or the image is for another architecture than was asked for.
            ToolError: the engine ended meanwhile, has no room, or its BuildKit cannot be driven from here.
        """
        builder, facts = self._builder, self.facts()
        env = environment(self._environ, self.sdk.host, builder)
        run_build(request, builder, facts, env=env, progress=progress, answers=self.sdk.answers)
        if request.tag is None:
            return
        found = self.image(request.tag)
        if found is None:
            raise BuildError(
                f"the build of {request.target} ended well and made no image {request.tag}",
                hint="BUILDX_BUILDER may name a builder of another engine",
                log=request.log,
            )
        if found.architecture != request.architecture:
            self.sdk.remove_image(request.tag)
            raise BuildError(
                f"{request.target} was built for {found.architecture}, and {request.architecture} was asked for",
                hint="its base image is of that architecture",
                log=request.log,
            )

    def run_once(
        self, tag: str, argv: Sequence[str], *, log: Path, timeout_s: float, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Run a program in the image without network; its status and what it wrote to stdout (16 MiB at most).

        Raises:
            SmokeError: the program cannot be started, or did not end in time.
        """
        order = Order(image=tag, entrypoint=argv[:1], arguments=argv[1:], env=env)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(argv)}\n")
        output = Output()
        with running(self.sdk, self.client, order, log=log, stdout=output) as container:
            status = container.wait(timeout_s)
            if status is None:
                raise SmokeError(f"`{argv[0]}` did not end within {timeout_s:g} s in the image", log=log)
        return status, output.content(log)

    def keep(self, tag: str, progress: Progress) -> Image:
        """Take the image's layers and configuration into the store, as an image of the OCI specification."""
        found = self.image(tag)
        if found is None:
            raise BuildError(f"the engine has no image {tag}", hint="build it again")
        config, raw, layers = take_in(self.sdk.save(tag), self._store, progress, found.size)
        return describe(config, raw, layers, self._store)

    def remove(self, tag: str) -> None:
        """Forget a tag."""
        self.sdk.remove_image(tag)

    def _require(self, found: EngineImage, architecture: Architecture, name: str) -> None:
        if found.architecture != architecture:
            raise SourceError(
                f"the engine has {name} for {found.architecture}, and {architecture} is wanted",
                hint="name the image of that architecture in the chip's recipe, then `flagrelease lock`",
            )


def _image(found: Answer) -> EngineImage:
    labels = (found.get("Config") or {}).get("Labels") or {}
    return EngineImage(
        id=str(found["Id"]), size=int(found["Size"]), architecture=str(found["Architecture"]), labels=dict(labels)
    )


def _counted(messages: Iterator[Answer], progress: Progress) -> Iterator[Answer]:
    """The messages of a pull; `progress` counts bytes of the layers that came so far."""
    layers: dict[str, tuple[int, int]] = {}
    for message in messages:
        detail = message.get("progressDetail") or {}
        if message.get("status") == "Downloading" and detail.get("total"):
            layers[str(message.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
            progress(sum(done for done, _ in layers.values()), sum(total for _, total in layers.values()))
        yield message
