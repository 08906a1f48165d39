"""What stages need of the world, as Protocols. Adapters fulfil them; `cli/wire.py` puts the two together.

Whatever influences a result is an argument or in the lock; what is here only acts.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flagrelease.domain.image import BuildContext, Image
from flagrelease.domain.release import Published
from flagrelease.domain.source import LockedDeb, LockedFile, LockedWheel
from flagrelease.domain.value import Digest

Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on; total 0 means unknown."""


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


class BlobWriter(Protocol):
    """A blob under construction."""

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes taken."""

    def copy_from(self, source: Path) -> int:
        """Append a whole file, sharing its blocks where the file system can; returns its size in bytes."""

    def tell(self) -> int:
        """Bytes so far."""

    def commit(self) -> Digest:
        """Make it durable under its digest. Without this call nothing is kept."""


class Supplier(Protocol):
    """Brings locked files into the store; each method is a no-op without a network call when they are there."""

    def deb(self, package: LockedDeb, progress: Progress) -> Digest:
        """Fetch one Debian package by the lock's hash."""

    def wheel(self, wheel: LockedWheel, progress: Progress) -> Digest:
        """Fetch one wheel by the lock's hash."""

    def file(self, file: LockedFile, progress: Progress) -> Digest:
        """Fetch one weights or dataset file by the lock's hash."""


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


@dataclass(frozen=True, kw_only=True)
class ServeRequest:
    """How to start an image's server. `mounts` are (host path, path in the image), read-only."""

    port: int
    mounts: tuple[tuple[Path, str], ...] = ()
    arguments: tuple[str, ...] = ()
    log: Path


class ImageEngine(Protocol):
    """Builds images and runs them."""

    def check(self) -> None:
        """Raise ToolError with one line and a hint when this machine cannot build or run with this engine."""

    def build(self, context: BuildContext, progress: Progress) -> Image:
        """Assemble the image into the store. Equal contexts give equal digests."""

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


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything outside that a stage may act through."""

    store: Store
    supplier: Supplier
    engine: ImageEngine
    events: Events
