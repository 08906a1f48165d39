"""What a reader of one harness's output is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from flagrelease.domain.answers import Record
from flagrelease.ingest.sources import Sources


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that belong together.

    `main` is empty where only files of items are there; `shared` are of other units too.
    """

    main: str
    parts: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.main, *self.parts) if self.main else self.parts


@dataclass(frozen=True, slots=True)
class Format:
    """`find` looks at names and first bytes only; `read` makes the records of one unit."""

    name: str
    title: str
    files: str
    find: Callable[[Sources], Iterable[Unit]]
    read: Callable[[Sources, Unit], Iterator[Record]]


def folder_of(name: str) -> str:
    """The folder of a file, with `/` at its end; empty at the top."""
    return name[: name.rfind("/") + 1]


def base_of(name: str) -> str:
    """A file's own name."""
    return name.rpartition("/")[2]
