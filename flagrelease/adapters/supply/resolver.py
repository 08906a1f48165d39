"""References of recipes to contents: what the `lock` command asks the world."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from flagrelease.adapters.mirrors.names import remote_commit
from flagrelease.adapters.registry.base_image import image_digest
from flagrelease.adapters.supply.origins import WebOrigins
from flagrelease.adapters.supply.supplier import folder_path
from flagrelease.domain.chip import Architecture, DebianBase, ImageBase, Sdk
from flagrelease.domain.component import GitSource
from flagrelease.domain.source import (
    FileSource,
    FolderSource,
    FromFolder,
    FromWheel,
    HuggingFaceSource,
    LockedDeb,
    LockedFile,
    LockedWheel,
    ModelScopeSource,
    WheelSource,
)
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError
from flagrelease.ports import Progress


class Resolver:
    """Finds exact contents for what recipes name.

    Args:
        origins: Where things come from.
        recipes: The recipe folder; a relative folder source is below it.
        progress: Called with bytes done and total while a carrier is fetched.
        environ: Environment variables: where forges are.
        say: Takes a line for people on each mirror that does not answer.
    """

    def __init__(
        self,
        origins: WebOrigins,
        *,
        recipes: Path,
        progress: Progress,
        environ: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._origins = origins
        self._environ = os.environ if environ is None else environ
        self._recipes = recipes
        self._progress = progress
        self._say = say

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        """Every package of a base with all it depends on, sorted by name. Raises LockError or ToolError."""
        return self._origins.debian.resolve(base, architecture)

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        """The best wheel of `name==version` for an image. Raises LockError or SourceError."""
        if sdk.glibc is None or sdk.python is None:
            raise LockError(
                f"{requirement}: the SDK `{sdk.title}` does not say which Python and which C library its base has",
                hint="write `python` and `glibc` into the SDK, so that a wheel can be chosen",
            )
        return self._origins.index.resolve(requirement, python=sdk.python, glibc=sdk.glibc, architecture=architecture)

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        """Every file of a source with size and hash, in the recipe's order.

        A file's `path` is its place in the repository or folder; of a wheel's member, what follows their common folder.

        Raises:
            LockError: Something is not there.
            SourceError: A server does not answer, or gives broken files.
        """
        match source:
            case WheelSource():
                return self._from_wheel(source)
            case FolderSource():
                return tuple(self._from_folder(source, path) for path in source.files)
            case HuggingFaceSource():
                return self._origins.huggingface_hub.resolve(source)
            case ModelScopeSource():
                return self._origins.modelscope_hub.resolve(source)

    def image(self, base: ImageBase, architecture: Architecture) -> Digest:
        """The digest of a base image for this architecture. Raises LockError."""
        return image_digest(base, architecture)

    def commit(self, source: GitSource) -> str:
        """All 40 digits of a commit. Raises LockError."""
        return remote_commit(source, self._environ, self._say)

    def _from_wheel(self, source: WheelSource) -> tuple[LockedFile, ...]:
        wheel = self._origins.index.resolve_carrier(f"{source.project}=={source.version}")
        found = self._origins.members(wheel, dict.fromkeys(source.members), self._progress)
        common = _common_folder(source.members)
        return tuple(
            LockedFile(
                path=str(PurePosixPath(member).relative_to(common)),
                size=found[member][1],
                sha256=found[member][0].removeprefix("sha256:"),
                origin=FromWheel(kind="wheel", wheel=wheel, member=member),
            )
            for member in source.members
        )

    def _from_folder(self, source: FolderSource, path: str) -> LockedFile:
        file = folder_path(self._recipes, source.folder) / path
        if not file.is_file():
            raise LockError(f"{file} is not there", hint="put it there, or change `folder` or `files` in the recipe")
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            size = content.tell()
        origin = FromFolder(kind="folder", folder=source.folder, path=path)
        return LockedFile(path=path, size=size, sha256=sha256, origin=origin)


def _common_folder(members: tuple[str, ...]) -> PurePosixPath:
    folders = [PurePosixPath(member).parent for member in members]
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    return common
