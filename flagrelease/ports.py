"""What stages need of the world, as Protocols. Adapters fulfil them; `cli/wire.py` puts the two together.

Whatever influences a result is an argument or in the lock; what is here only acts.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flagrelease.completion_ports import (
    Completions,
    CompletionServer,
    Continuation,
    RequestFailedError,
    RequestRejectedError,
)
from flagrelease.domain.chip import Architecture
from flagrelease.domain.evalrun import HostFacts
from flagrelease.domain.image import BuildContext, Image
from flagrelease.domain.lock import LockedComponent
from flagrelease.domain.release import Published
from flagrelease.domain.source import LockedDeb, LockedFile, LockedWheel, PatchedComponent
from flagrelease.domain.value import Digest
from flagrelease.engine_ports import ContainerEngine, DockerfileTemplates, KernelWheels, StandIns
from flagrelease.harness_ports import Harnesses, Progress

__all__ = [
    "BlobWriter", "CompletionServer", "Completions", "Components", "ContainerEngine", "Continuation",
    "Endpoint", "Events", "Harnesses", "ImageEngine", "KernelWheels", "LayerWriter", "Progress", "Recipes", "Reply",
    "RequestFailedError", "RequestRejectedError", "ServeRequest", "Server", "StandIns", "Store", "Supplier",
    "Target", "Templates", "Tools",
]  # fmt: skip


class Events(Protocol):
    """Where a stage says what it is doing. Stages never print."""

    def said(self, text: str) -> None:
        """One line for people."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """How far the stage is; `unit` is `bytes` or `items`."""


class Store(Protocol):
    """Content by digest, shared by all bundles. A blob is whole and read-only once it is there."""

    def has(self, digest: Digest) -> bool:
        """Whether the blob is there and unchanged since it was last hashed (by stat)."""

    def path(self, digest: Digest) -> Path:
        """The blob's file. Raises SourceError when it is not there or has changed since it was hashed."""

    def add_bytes(self, content: bytes) -> Digest:
        """Keep these bytes."""

    def add_file(self, source: Path, *, expect: Digest | None = None, move: bool = False) -> Digest:
        """Keep this file's content: one read, and a rename when `move`. Raises SourceError when it is not `expect`."""

    def writer(self) -> AbstractContextManager["BlobWriter"]:
        """A new blob, written from start to end, hashed on the way, kept under its digest by `commit`."""

    def link(self, digest: Digest, to: Path) -> None:
        """Put the blob at `to` without a second copy where the file system can do it."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold `key` against every other process; waits."""


class LayerWriter(Protocol):
    """Where a tar is written to, from its start to its end."""

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes taken."""

    def copy_from(self, source: Path) -> int:
        """Append a whole file, sharing its blocks where the file system can; returns its size in bytes."""

    def tell(self) -> int:
        """Bytes so far."""


class BlobWriter(LayerWriter, Protocol):
    """A blob under construction."""

    def commit(self) -> Digest:
        """Make it durable under its digest. Without this call nothing is kept."""


class Supplier(Protocol):
    """Brings locked files into the store; each method is a no-op without a network call when they are there."""

    def check(self, debs: Sequence[LockedDeb], wheels: Sequence[LockedWheel], files: Sequence[LockedFile]) -> None:
        """Raise SourceError that lists all that is missing, when it may not be fetched."""

    def deb(self, package: LockedDeb, progress: Progress) -> Digest:
        """Fetch one Debian package by the lock's hash."""

    def wheel(self, wheel: LockedWheel, progress: Progress) -> Digest:
        """Fetch one wheel by the lock's hash."""

    def file(self, file: LockedFile, progress: Progress) -> Digest:
        """Fetch one weights or dataset file by the lock's hash."""


class Components(Protocol):
    """The sources of components: git repositories kept in the store, and the vendors' patch sets."""

    def bring(self, component: LockedComponent, progress: Progress) -> None:
        """Have its commit here, with what belongs to it; no network call when it is. Raises SourceError."""

    def patched(self, component: LockedComponent, progress: Progress) -> PatchedComponent:
        """Its files, with the patches that the lock pins, into the store.

        Raises:
            LockError: the patch set is not the one that the lock pins.
            SourceError: the set does not make the tree that it records.
        """


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs inside an image, seen from the host."""

    base_url: str
    pid: int
    log: Path
    stop: Callable[[float], int | None]
    """SIGTERM, wait so many seconds; the exit status, or None when it had to be killed."""
    alive: Callable[[], bool]
    processes: Callable[[], Sequence[int]]
    """Host pids of every process in the container, its first process included."""
    memory: Callable[[], int]
    """Bytes of the chip's memory that the container's processes hold now."""
    started_as: Callable[[], tuple[Sequence[str], Mapping[str, str]]]
    """The command and the environment of the first process, read from that process; empty once it has ended."""
    wait_until_healthy: Callable[[float], float]
    """Ask `/health` for so many seconds; the seconds it took. Raises SmokeError when it ended or was too late."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A server's whole answer: HTTP status, media type in lower case without parameters, body, seconds."""

    status: int
    media_type: str
    body: bytes
    seconds: float


class Endpoint(Protocol):
    """A server's HTTP address. Both methods raise SmokeError when no whole answer came; a status is no error."""

    def get(self, path: str) -> Reply:
        """GET `path`."""

    def post(self, path: str, body: bytes) -> Reply:
        """POST `body` as `application/json` to `path`."""


@dataclass(frozen=True, kw_only=True)
class ServeRequest:
    """How to start an image's server. `mounts` are (host path, path in the image), read-only.

    `env` is set on top of the image's own, and what `without` names is taken out of it.
    """

    port: int
    mounts: tuple[tuple[Path, str], ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    arguments: tuple[str, ...] = ()
    log: Path


class ImageEngine(Protocol):
    """Builds images and runs them."""

    def check(self, architecture: Architecture) -> None:
        """Raise ToolError with one line and a hint when this machine cannot run images of this architecture."""

    def build(self, context: BuildContext, progress: Progress) -> Image:
        """Assemble the image into the store. Equal contexts give equal digests."""

    def host(self) -> HostFacts:
        """The machine that images run on."""

    def free_port(self) -> int:
        """A port that no server of this machine listens on now."""

    def serve(self, image: Image, request: ServeRequest) -> AbstractContextManager[Server]:
        """Start the image's entry point; leaving the block ends every process of it."""

    def run(self, image: Image, argv: Sequence[str], *, log: Path, timeout_s: float) -> int:
        """Run a program inside the image; its exit status. Output goes to `log`."""


class Target(Protocol):
    """A place an image can be published to."""

    name: str

    def check(self) -> None:
        """Raise PublishError when the target cannot take an image now. Writes nothing."""

    def publish(self, image: Image, tag: str, progress: Progress) -> Published:
        """Blobs, then the manifest, pull back by digest and compare, then the tag."""


class Recipes(Protocol):
    """Contents that the lock pins, read from the recipe folder."""

    def template(self, path: str, *, sha256: str) -> str:
        """The text of a template. Raises LockError when it is not what the lock pins."""

    def baseline(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a baseline record. Raises LockError when it is not what the lock pins."""

    def harness_file(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a harness's template or lock. Raises LockError when it is not what the bundle's lock pins."""


class Templates(DockerfileTemplates, Protocol):
    """Fills templates. Values are never templates themselves, and a missing one is an error."""

    def fill(self, text: str, *, name: str, values: dict[str, object]) -> str:
        """The template's text with its values. Raises RecipeError naming the template and the line."""


class Tools(Protocol):
    """Everything outside that a stage may act through."""

    @property
    def store(self) -> Store:
        """Content by digest."""

    @property
    def supplier(self) -> Supplier:
        """Fetches what is locked."""

    @property
    def components(self) -> Components:
        """Sources of components, patched."""

    @property
    def engine(self) -> ImageEngine:
        """Builds and runs images."""

    @property
    def container_engine(self) -> ContainerEngine:
        """Builds Dockerfiles."""

    @property
    def stand_ins(self) -> StandIns:
        """Makes what takes the place of a vendor's parts in a rehearsal."""

    @property
    def build_secrets(self) -> Mapping[str, Path]:
        """Files of secrets by name, for the build steps that ask for them. Their content is no part of any result."""

    @property
    def kernel_wheels(self) -> KernelWheels:
        """Kernel libraries that were compiled here before."""

    def endpoint(self, base_url: str) -> Endpoint:
        """The server at this address."""

    def completions(self, base_url: str) -> AbstractContextManager[CompletionServer]:
        """The completion API of the server at this address."""

    @property
    def harnesses(self) -> Harnesses:
        """Runs harnesses."""

    @property
    def recipes(self) -> Recipes:
        """Contents pinned by the lock."""

    @property
    def templates(self) -> Templates:
        """Fills templates."""

    @property
    def events(self) -> Events:
        """Where a stage says what it is doing."""
