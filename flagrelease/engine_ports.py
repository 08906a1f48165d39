"""What stages need of a container engine, and of stand-ins for what cannot be had, as Protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flagrelease.domain.chip import Architecture, Installer
from flagrelease.domain.component import Component
from flagrelease.domain.engine_build import KernelWheel
from flagrelease.domain.image import Image
from flagrelease.domain.source import PatchedComponent
from flagrelease.domain.value import Digest
from flagrelease.harness_ports import Progress


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """The engine that answers. `builder` is `buildx 0.13.1` or `built-in`; `remote` when it is another machine's.

    `emulates` are architectures beside its own whose programs it can run.
    """

    name: str
    version: str
    builder: str
    architecture: Architecture
    containerd_store: bool
    remote: bool
    emulates: tuple[Architecture, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """One build of a Dockerfile. `secrets` are files whose content no layer, log or argument holds.

    Either `tag` names the image in the engine, or `output` is the folder that the target stage's files go to.
    `cache_from` and `cache_to` are cache sources and targets as buildx spells them.
    """

    folder: Path
    dockerfile: Path
    target: str
    architecture: Architecture
    log: Path
    tag: str | None = None
    output: Path | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    network: str = "none"
    epoch: int = 0
    timeout_s: float = 6 * 3600
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """An image in the engine: its id, which is the digest of its configuration, its size in bytes, its labels."""

    id: Digest
    size: int
    architecture: str
    labels: Mapping[str, str]


class ContainerEngine(Protocol):
    """Builds Dockerfiles. Every method raises ToolError when the engine does not answer or lacks something."""

    def facts(self) -> EngineFacts:
        """Which engine it is. Refuses podman and too old engines by name."""

    def image(self, tag: str) -> EngineImage | None:
        """The image of this tag, if the engine has it."""

    def pull(self, name: str, digest: Digest, architecture: Architecture, *, tag: str, progress: Progress) -> None:
        """Have `name@digest` under `tag`.

        Raises:
            SourceError: the registry has it no longer, or it is for another architecture; nothing was pulled then.
        """

    def load(self, archive: Path, *, tag: str, architecture: Architecture) -> None:
        """Have the image of a `docker save` or OCI archive under `tag`. Raises SourceError where it is none."""

    def build(self, request: BuildRequest, progress: Progress) -> None:
        """Build. `progress` counts the steps of the Dockerfile.

        Raises:
            BuildError: a step failed: its line of the Dockerfile, the last 40 lines, the log, how to open the stage.
        """

    def run_once(
        self, tag: str, argv: Sequence[str], *, log: Path, timeout_s: float, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Run a program in the image without network; its status and what it wrote to stdout (16 MiB at most)."""

    def keep(self, tag: str, progress: Progress) -> Image:
        """Take the image's layers and configuration into the store, as an image of the OCI specification."""

    def remove(self, tag: str) -> None:
        """Forget a tag."""


class StandIns(Protocol):
    """Makes what takes the place of a vendor's parts in a rehearsal; everything goes into the store."""

    def base(self, name: str, architecture: Architecture) -> Digest:
        """A base image with Python, pip, setuptools, make and a shell, as a `docker save` archive."""

    def installer(self, installer: Installer, version: str | None) -> tuple[str, Digest, int]:
        """A file of the installer's name that records how it is called; its name, content and bytes."""

    def wheel(self, project: str, version: str) -> tuple[str, Digest, int]:
        """A wheel of that project and version for any Python; its file name, content and bytes."""

    def archive(self, file: str) -> tuple[str, Digest, int]:
        """A vendor's archive (`.tar.gz`) with the files its installation asks for."""

    def source(self, name: str, component: Component) -> PatchedComponent:
        """The tree of a local git repository in the place of an upstream, with what `component.install` asks for."""


class DockerfileTemplates(Protocol):
    """Fills the templates of Dockerfiles. Values are never templates themselves, and a missing one is an error."""

    def fill_dockerfile(self, text: str, *, name: str, macros: Mapping[str, str], values: Mapping[str, object]) -> str:
        """The template's text with its values; it may import `macros` by name.

        Raises:
            RecipeError: the template cannot be filled, or writes a value that no filter has quoted; with its line.
        """


class KernelWheels(Protocol):
    """Kernel libraries that were compiled here before, by the hash of all that they are made from."""

    def kept(self, key: str) -> KernelWheel | None:
        """The wheel of this key, if it was built before and is in the store."""

    def keep(self, wheel: KernelWheel) -> None:
        """Remember a wheel, whose content is in the store. One that is there already stays."""
