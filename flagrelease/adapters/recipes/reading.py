"""Recipe files to values: one that extends another is read on top of it, and every fault is told at its place."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.inherit import extend, extend_within
from flagrelease.formats.positions import Fault, Node, Scalar, UnreadableError, quoted
from flagrelease.formats.strict import read_yaml, refuse, value_of

V = TypeVar("V", bound=Value)


class Reader:
    """Reads recipe files of one folder tree. `within` is the mapping whose entries may extend each other."""

    def __init__(self, recipes: Path) -> None:
        self.recipes = recipes

    def value(self, path: Path, kind: type[V], *, within: str = "") -> V:
        """The value that a recipe file spells, with those it extends. Raises RecipeError with every fault."""
        root, faults = self.tree(path, kind, within=within)
        return value_of(root, kind, source=self.shown(path), faults=faults)

    def tree(self, path: Path, kind: type[Value], *, within: str = "") -> tuple[Node, list[Fault]]:
        """The file as a tree on top of those it extends, with what is wrong so far. Raises RecipeError."""
        faults: list[Fault] = []

        def read(file: Path) -> Node:
            root, found = read_yaml(file_bytes(file), kind, source=self.shown(file))
            faults.extend(found)
            return root

        def other(name: str, asked_by: Scalar) -> Node:
            file = self._beside(path, name)
            if file is None:
                known = [name_in(p, path) for p in _siblings(path)]
                raise UnreadableError(Fault(asked_by.at, "extends", _no_such(name, known)))
            return read(file)

        try:
            root = extend(read(path), name_in(path, path), other)
            return (extend_within(root, within) if within else root), faults
        except UnreadableError as stop:
            refuse([*faults, stop.fault], kind, self.shown(path))

    def shown(self, path: Path) -> str:
        """What messages call the file: as a person in the current folder would."""
        return str(path)

    def _beside(self, path: Path, name: str) -> Path | None:
        known = {name_in(p, path): p for p in _siblings(path)}
        return known.get(name)


def name_in(path: Path, asked_by: Path) -> str:
    """What `asked_by` calls `path`: the bare name of a chip or model, `<chip>/<model>` of a bundle."""
    return f"{path.parent.name}/{path.stem}" if _is_nested(asked_by) else path.stem


def _is_nested(path: Path) -> bool:
    return path.parent.parent.name in {"bundles", "published"}


def _siblings(path: Path) -> list[Path]:
    folder = path.parent.parent if _is_nested(path) else path.parent
    return sorted(folder.glob("*/*.yaml" if _is_nested(path) else "*.yaml"))


def _no_such(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    return f"there is no recipe {quoted(name)}" + (f"; did you mean {quoted(near[0])}?" if near else "")


def file_bytes(path: Path) -> bytes:
    """A recipe file's content. Raises RecipeError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: wanted a file that can be read: {error.strerror}") from error
