"""What is needed of the world to lock a recipe."""

from typing import Literal, Protocol

from flagrelease.domain.chip import Architecture, DebianBase, ImageBase, Sdk
from flagrelease.domain.component import GitSource
from flagrelease.domain.source import FileSource, LockedDeb, LockedFile, LockedWheel
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError

Part = Literal["debian", "wheels", "files", "images", "sources"]
"""What `lock --upgrade` can look up again: packages, wheels, weights and datasets, base images, git commits."""


class Resolver(Protocol):
    """Looks things up where they are published. Raises LockError, SourceError or ToolError."""

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        """The base's packages and all they depend on, sorted by name."""

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        """The best wheel of `name==version` for the SDK's Python and C library."""

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        """The source's files by size and sha256."""

    def image(self, base: ImageBase, architecture: Architecture) -> Digest:
        """The digest of the base image's manifest for this architecture."""

    def commit(self, source: GitSource) -> str:
        """All 40 digits of the commit that the source names by prefix, tag or branch."""


class Refusing:
    """A resolver that looks nothing up: for checking a lock against its own pins."""

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        """Refuse."""
        raise self._missing(f"the base {', '.join(base.packages)} for {architecture}")

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        """Refuse."""
        raise self._missing(f"{requirement} for Python {sdk.python} on {architecture}")

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        """Refuse."""
        raise self._missing(name_of(source))

    def image(self, base: ImageBase, architecture: Architecture) -> Digest:
        """Refuse."""
        raise self._missing(f"the image {base.image} for {architecture}")

    def commit(self, source: GitSource) -> str:
        """Refuse."""
        raise self._missing(f"{source.repository} at {source.commit or source.tag or source.branch}")

    def _missing(self, what: str) -> LockError:
        return LockError(f"the lock pins nothing for {what}", hint=self._hint)


def name_of(source: FileSource) -> str:
    """What people call a source of files."""
    match source.kind:
        case "wheel":
            return f"the wheel {source.project} {source.version}"
        case "folder":
            return f"the folder {source.folder}"
        case "huggingface":
            return f"{source.repo} at {source.revision or 'its newest commit'}"
        case "modelscope":
            return f"{source.repo} at {source.revision}"
