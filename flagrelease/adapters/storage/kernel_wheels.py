"""The wheels of kernel libraries, by the hash of all they are made from: `kernels/<key>.json` in the store."""

from pydantic import ValidationError

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.engine_build import KernelWheel
from flagrelease.formats.canonical import canonical_json
from flagrelease.formats.durable import write_durably

FOLDER = "kernels"


class StoredKernelWheels:
    """`ports.KernelWheels` in a store. `gc` removes a note with its wheel, when no bundle's folder names that."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._folder = store.home / FOLDER

    def kept(self, key: str) -> KernelWheel | None:
        """The wheel of this key; a note that cannot be read, or whose wheel is gone, is as if it was never there."""
        try:
            wheel = KernelWheel.model_validate_json((self._folder / f"{key}.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return wheel if wheel.key == key and self._store.has(wheel.content) else None

    def keep(self, wheel: KernelWheel) -> None:
        """Remember a wheel. Two builds at once may both have made it: the first to be noted is the one that stays."""
        with self._store.lock(f"kernel {wheel.key}"):
            if self.kept(wheel.key) is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_durably(self._folder / f"{wheel.key}.json", canonical_json(wheel))
