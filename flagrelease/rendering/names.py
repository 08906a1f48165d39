"""What each input of a lock is called in the build's folder.

    installers/<file>   archives/<file>   wheels/<file>   sources/<component>.tar   files/<path>   kernels/<wheel>

A file that is not at hand has the name that the lock gives it, so that the Dockerfile can be read.
"""

import re
from collections.abc import Iterable
from typing import Final

from flagrelease.domain.component import Component
from flagrelease.domain.engine_build import Part, Parts
from flagrelease.domain.lock import LockedInput, PartialLock

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._+*-]")


class Inputs:
    """The inputs of a lock with what is at hand of them."""

    def __init__(self, lock: PartialLock, parts: Parts) -> None:
        self._locked = {one.key: one for one in lock.inputs}
        self._parts = {one.key: one for one in parts.parts}

    def part(self, key: str) -> Part | None:
        """What is at hand."""
        return self._parts.get(key)

    def locked(self, key: str) -> LockedInput | None:
        """What the lock says."""
        return self._locked.get(key)

    def file(self, key: str, otherwise: str) -> str:
        """The file's name in its folder of the build's folder."""
        part, locked = self._parts.get(key), self._locked.get(key)
        if part and part.file:
            return part.file
        return _PLAIN.sub("_", part.name if part else locked.name if locked else otherwise)

    def is_stand_in(self, key: str) -> bool:
        """Whether something else takes its place."""
        part = self._parts.get(key)
        return part is not None and part.state == "stand_in"

    def identity(self, keys: Iterable[str]) -> list[list[str | None]]:
        """What is known of some inputs, for a hash: a stand-in never counts as what it stands for."""
        return [self._one(key) for key in keys]

    def _one(self, key: str) -> list[str | None]:
        part, locked = self._parts.get(key), self._locked.get(key)
        if part is None:
            return [key, "missing", locked.pin if locked else None, None]
        return [key, part.state, part.pin, part.content]


def tree_folder(name: str, component: Component) -> str:
    """Where a component's files lie in the image."""
    return component.placed_at or f"/opt/{name}"
