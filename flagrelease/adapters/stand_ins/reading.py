"""`recipes/stand-ins/`: what stand-ins look like, and the lock of their base."""

from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from flagrelease.adapters.recipes.reading import Reader, file_bytes
from flagrelease.domain.stand_in import StandInBase, StandInBaseLock, StandInParts
from flagrelease.errors import LockError

REMAKE = "run `make stand-ins`, and commit what it writes"


class StandInRecipes:
    """The files of one recipe folder, each read when it is first needed."""

    def __init__(self, recipes: Path) -> None:
        self.folder = recipes / "stand-ins"
        self._reader = Reader(recipes)

    @cached_property
    def base(self) -> StandInBase:
        """What the base is made of. Raises RecipeError."""
        return self._reader.value(self.folder / "base.yaml", StandInBase)

    @cached_property
    def parts(self) -> StandInParts:
        """What everything else is made of. Raises RecipeError."""
        return self._reader.value(self.folder / "parts.yaml", StandInParts)

    @property
    def lock_path(self) -> Path:
        """The lock of the base."""
        return self.folder / "base.lock.json"

    @cached_property
    def lock(self) -> StandInBaseLock:
        """The base by content. Raises LockError where it is no lock, or not that of `base.yaml`."""
        try:
            lock = StandInBaseLock.model_validate_json(file_bytes(self.lock_path))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise LockError(
                f"{self.lock_path} is no lock of a stand-in: {place}: {first['msg']}", hint=REMAKE
            ) from error
        asked = dict.fromkeys(self.base.architectures, self.base.base)
        if {architecture: one.base.asked for architecture, one in lock.architectures.items()} != asked:
            raise LockError(f"{self.lock_path} is older than base.yaml beside it", hint=REMAKE)
        return lock
