"""What a rule saw: where, in which recipe, and what could be changed there without harm."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from flagrelease.domain.everything import Cell
from flagrelease.formats.positions import Path, Position

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replace:
    """Give the text at this key of the finding's file another one."""

    key: Path
    becomes: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Remove:
    """Take this key out of the finding's file."""

    key: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Respell:
    """Write what stands at a place of the file differently: of a file that cannot be read as a recipe yet."""

    at: Position
    was: str
    becomes: str


Fix: TypeAlias = Replace | Remove | Respell


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One thing that a rule objects to.

    `file` is below the recipe folder. `cells` are the bundle variants it is about: when each of them waives it, it is
    silent. `hint` and `severity` are those of the rule where they are left out. `at` is set where there is no key.
    """

    file: str
    key: Path
    text: str
    hint: str = ""
    severity: Severity | None = None
    cells: tuple[Cell, ...] = ()
    at: Position | None = None
    fix: Fix | None = None
