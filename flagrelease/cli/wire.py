"""The one place where ports meet adapters. Each adapter is imported when a command first needs it."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TextIO

import flagrelease
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.supplier import HostSupplier, Origins
from flagrelease.cli.settings import Engine, Settings
from flagrelease.errors import ToolError
from flagrelease.locking.resolver import Resolver
from flagrelease.ports import (
    CompletionServer,
    Components,
    ContainerEngine,
    Endpoint,
    Events,
    Harnesses,
    ImageEngine,
    KernelWheels,
    StandIns,
    Target,
    Templates,
)
from flagrelease.report.journal import Display
from flagrelease.report.plain import PlainDisplay
from flagrelease.report.quiet import QuietDisplay


class HostTools:
    """`ports.Tools` on this machine. With `fresh`, harnesses begin anew; a `rehearsal` fetches no component."""

    def __init__(
        self,
        settings: Settings,
        events: Events,
        catalogue: Catalogue,
        *,
        fresh: bool = False,
        rehearsal: bool = False,
        engine: Engine = "auto",
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._fresh = fresh
        self._rehearsal = rehearsal
        self.events = events
        self.recipes = catalogue
        self.store = FileStore(settings.home, on_wait=events.said, on_damage=events.said)

    @property
    def build_secrets(self) -> Mapping[str, Path]:
        """Files of secrets by name."""
        return self._settings.secrets

    def close(self) -> None:
        """End what was opened."""
        self.supplier.close()
        if "container_engine" in self.__dict__:
            self.__dict__["container_engine"].close()

    @cached_property
    def supplier(self) -> HostSupplier:
        """Fetches what is locked."""
        recipes, offline = self._settings.recipes, self._settings.offline
        return HostSupplier(self.store, recipes=recipes, offline=offline, origins=self._origins)

    @cached_property
    def components(self) -> Components:
        """Sources of components, patched."""
        settings, patches = self._settings, self.recipes.patches
        mirrors = import_module("flagrelease.adapters.mirrors.mirrors").Mirrors(
            settings.home,
            environ=settings.environ,
            offline=settings.offline or self._rehearsal,
            say=self.events.said,
        )
        made: Components = import_module("flagrelease.adapters.components").HostComponents(
            self.store, mirrors, patches=patches
        )
        return made

    def _origins(self) -> Origins:
        module = import_module("flagrelease.adapters.supply.origins")
        origins: Origins = module.WebOrigins(self.store, environ=self._settings.environ, offline=self._settings.offline)
        return origins

    @cached_property
    def engine(self) -> ImageEngine:
        """Builds and runs images: the embedded engine, unless docker was asked for.

        The same lock gives the same image on any machine, so whether an engine happens to answer decides nothing.
        """
        if self._engine == "docker":
            images = import_module("flagrelease.engines.docker.images")
            docker: ImageEngine = images.DockerImageEngine(self.store, self._settings.home, self.container_engine)
            return docker
        module = import_module("flagrelease.engines.embedded.engine")
        engine: ImageEngine = module.EmbeddedEngine(self.store, self._settings.home)
        return engine

    @cached_property
    def container_engine(self) -> ContainerEngine:
        """Builds Dockerfiles. Raises ToolError where the embedded engine was asked for: it runs no steps."""
        if self._engine == "embedded":
            raise ToolError(
                "this bundle's image runs programs while it is built, which the embedded engine does not do",
                hint="leave `--engine embedded` out, and let a docker engine answer (`flagrelease doctor`)",
            )
        module = import_module("flagrelease.engines.docker.engine")
        engine: ContainerEngine = module.DockerEngine(self.store, self._settings.environ)
        return engine

    @cached_property
    def stand_ins(self) -> StandIns:
        """Makes what takes the place of a vendor's parts in a rehearsal."""
        module = import_module("flagrelease.adapters.stand_ins.stand_ins")
        # Debian's packages can be had, so the base that stands in is real as far as it goes.
        made: StandIns = module.HostStandIns(
            self.store,
            self._settings.recipes,
            supplier=self.supplier,
            assemble=import_module("flagrelease.engines.embedded.assemble").assemble,
        )
        return made

    @cached_property
    def kernel_wheels(self) -> KernelWheels:
        """Kernel libraries that were compiled here before."""
        module = import_module("flagrelease.adapters.storage.kernel_wheels")
        kept: KernelWheels = module.StoredKernelWheels(self.store)
        return kept

    @cached_property
    def harnesses(self) -> Harnesses:
        """Runs harnesses."""
        settings, module = self._settings, import_module("flagrelease.adapters.harnesses.runner")
        harnesses: Harnesses = module.HostHarnesses(
            settings.home,
            self.recipes,
            environ=settings.environ,
            offline=settings.offline,
            say=self.events.said,
            fresh=self._fresh,
        )
        return harnesses

    @cached_property
    def templates(self) -> Templates:
        """Fills templates."""
        templates: Templates = import_module("flagrelease.adapters.templates").SandboxedTemplates()
        return templates

    def target(self, text: str) -> Target:
        """A place to publish to, from how a person writes it."""
        auth = import_module("flagrelease.adapters.registry.auth")
        docker_config = auth.docker_config_file(self._settings.environ, Path.home())
        module = import_module("flagrelease.adapters.targets")
        target: Target = module.target_for(
            text, self.store, docker_config=docker_config, offline=self._settings.offline
        )
        return target

    def endpoint(self, base_url: str) -> Endpoint:
        """A client of the running server."""
        client: Endpoint = import_module("flagrelease.adapters.serving_client").ServingClient(base_url)
        return client

    def completions(self, base_url: str) -> AbstractContextManager[CompletionServer]:
        """A client of the running server's completion API."""
        client: AbstractContextManager[CompletionServer]
        client = import_module("flagrelease.adapters.completion_client").CompletionClient(base_url)
        return client


class BareTools:
    """What an image is run with where no recipes are: a store, who fetches into it, and an engine."""

    def __init__(self, settings: Settings, events: Events) -> None:
        self._settings = settings
        self.events = events
        self.store = FileStore(settings.home, on_wait=events.said, on_damage=events.said)

    @cached_property
    def supplier(self) -> HostSupplier:
        """Fetches files by their hash."""
        chosen = self._settings
        module = import_module("flagrelease.adapters.supply.origins")
        return HostSupplier(
            self.store,
            recipes=chosen.recipes,
            offline=chosen.offline,
            origins=lambda: module.WebOrigins(self.store, environ=chosen.environ, offline=chosen.offline),
        )

    @cached_property
    def engine(self) -> ImageEngine:
        """Runs images: the embedded engine, unless docker was asked for."""
        if self._settings.engine == "docker":
            docker = import_module("flagrelease.engines.docker.engine")
            images = import_module("flagrelease.engines.docker.images")
            self._docker = docker.DockerEngine(self.store, environ=self._settings.environ)
            made: ImageEngine = images.DockerImageEngine(self.store, self._settings.home, self._docker)
            return made
        module = import_module("flagrelease.engines.embedded.engine")
        engine: ImageEngine = module.EmbeddedEngine(self.store, self._settings.home)
        return engine

    def close(self) -> None:
        """End what was opened."""
        if "supplier" in self.__dict__:
            self.supplier.close()
        if "_docker" in self.__dict__:
            self._docker.close()


@contextmanager
def resolver(settings: Settings) -> Iterator[Resolver]:
    """Looks up what recipes leave open."""
    origins = import_module("flagrelease.adapters.supply.origins").WebOrigins(
        FileStore(settings.home), environ=settings.environ
    )
    try:
        found: Resolver = import_module("flagrelease.adapters.supply.resolver").Resolver(
            origins,
            recipes=settings.recipes,
            progress=lambda _done, _total: None,
            environ=settings.environ,
            say=_on_stderr,
        )
        yield found
    finally:
        origins.close()


def _on_stderr(text: str) -> None:
    """A lock is made without a display."""
    sys.stderr.write(f"{text}\n")


def display(*, quiet: bool, stream: TextIO = sys.stderr) -> Display:
    """A live list on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        return QuietDisplay()
    if stream.isatty():
        live: Display = import_module("flagrelease.report.live").LiveDisplay(stream)
        return live
    return PlainDisplay(stream)


_NOT_IN_RESULTS = (
    "cards", "cli", "importing", "ingest", "lint", "migrations", "planning", "report", "requesting",
    "scaffold",
)  # fmt: skip
"""What no stage uses: a change there makes no result stale."""


def code_sha256() -> str:
    """The hash of all code and data of the package that can influence a stage's result."""
    package = Path(flagrelease.__file__).parent
    total = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.suffix == ".pyc" or name.parts[0] in _NOT_IN_RESULTS or not path.is_file():
            continue
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
