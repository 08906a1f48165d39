"""Looking up what a recipe refers to: what is not there is noted with its place, so that all of it is told at once.

Places are looked up only where something is wrong: a good recipe is never read a second time.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import Harness
from flagrelease.domain.model import Model
from flagrelease.errors import RecipeError
from flagrelease.formats.inherit import near
from flagrelease.formats.lookup import nearest
from flagrelease.formats.positions import Fault, Node, path_text, printable, quoted
from flagrelease.formats.positions import Path as Key

T = TypeVar("T")

WHAT: Final = {
    "chips": "chip",
    "engines": "engine",
    "models": "model",
    "benchmarks": "benchmark",
    "harnesses": "harness",
    "gates": "gate policy",
    "rehearsals": "rehearsal",
}
"""What a recipe of each folder is called."""

_HINT: Final = "`flagrelease lint` looks through all recipes"


class Shelf(Protocol):
    """Where recipes are found by name: the catalogue."""

    recipes: Path
    templates: Path
    patches: Path

    def names(self, folder: str) -> list[str]:
        """Every recipe's name of a flat folder."""

    def chip(self, name: str) -> Chip:
        """A chip."""

    def engine(self, name: str) -> Engine:
        """An engine."""

    def model(self, name: str) -> Model:
        """A model."""

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark."""

    def harness(self, name: str) -> Harness:
        """A harness."""

    def policy(self, name: str) -> Policy:
        """A gate policy."""

    def written_bundle(self, chip: str, model: str) -> Bundle:
        """The bundle recipe at this place, whatever it says of its place."""

    def bundle_path(self, chip: str, model: str) -> Path:
        """Where a bundle's recipe lies."""

    def tree(self, path: Path) -> Node:
        """A recipe file with the place of each key."""


class _Wrong(NamedTuple):
    """A key of a recipe file, and what is wrong with its value."""

    file: Path
    key: Key
    text: str


class Found:
    """What was looked up for one bundle, and what was wrong with it. None stands for what is not there."""

    def __init__(self, shelf: Shelf, file: Path) -> None:
        self.shelf = shelf
        self.file = file
        self._wrong: list[_Wrong] = []
        self._unread: list[RecipeError] = []

    def wrong(self, key: Key, text: str, *, file: Path | None = None) -> None:
        """Note that something is wrong with a key, of the bundle if no other file is named."""
        self._wrong.append(_Wrong(file or self.file, key, text))

    def read(self, read: Callable[[], T]) -> T | None:
        """What is read, unless it cannot be."""
        try:
            return read()
        except RecipeError as error:
            self._unread.append(error)
            return None

    def named(
        self, folder: str, name: str, key: Key, read: Callable[[str], T], *, file: Path | None = None
    ) -> T | None:
        """The recipe of that name; `file` is the one that names it, if it is not the bundle."""
        known = self.shelf.names(folder)
        if name in known:
            return self.read(lambda: read(name))
        self.unknown(WHAT[folder], name, known, key, file=file)
        return None

    def one_of(self, kind: str, name: str, known: Mapping[str, T], key: Key) -> T | None:
        """The part of that name, of a recipe that was found."""
        if name not in known:
            self.unknown(kind, name, known, key)
        return known.get(name)

    def content(self, kind: str, folder: Path, name: str, key: Key, *, file: Path | None = None) -> bytes | None:
        """What a file below a folder holds."""
        path = folder / name
        if path.is_file():
            return path.read_bytes()
        there = [other.relative_to(folder).as_posix() for other in folder.rglob("*") if other.is_file()]
        self.unknown(kind, name, there, key, file=file)
        return None

    def unknown(self, kind: str, name: str, known: Collection[str], key: Key, *, file: Path | None = None) -> None:
        """Note that nothing has that name."""
        self.wrong(key, f"unknown {kind} {quoted(name)}{near(name, known)}", file=file)

    def refuse(self) -> None:
        """Raise RecipeError if anything was wrong."""
        if not self._wrong and not self._unread:
            return
        lines = [line for error in self._unread for line in error.message.splitlines()]
        trees = {file: self.shelf.tree(file) for file in dict.fromkeys(one.file for one in self._wrong)}
        faults = sorted(
            ((fault_at(trees[one.file], one.key, one.text), one.file) for one in self._wrong),
            key=lambda placed: (placed[0].at.source, placed[0]),
        )
        lines += [fault.line(printable(str(file))) for fault, file in faults]
        hints = [error.hint for error in self._unread if error.hint]
        raise RecipeError("\n".join(dict.fromkeys(lines)), hint=hints[0] if hints else _HINT)


def fault_at(root: Node, key: Key, text: str) -> Fault:
    """What is wrong, at the value of a key; at the nearest key around it where it is not written."""
    entry, reached = nearest(root, key)
    return Fault(entry.node.at if reached == key else entry.key_at, path_text(key), text)


def unknown_name(kind: str, name: str, known: Iterable[str], where: Path) -> RecipeError:
    """The error for a name that a person called and nothing has."""
    words = sorted(set(known))
    close = difflib.get_close_matches(name, words, n=3, cutoff=0.4)
    meant = f"did you mean {' or '.join(f'`{n}`' for n in close)}?"
    return RecipeError(
        f"unknown {kind} `{name}` in `{where}`", hint=meant if close else f"there are: {', '.join(words) or 'none'}"
    )
