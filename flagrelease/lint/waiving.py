"""Which findings a variant's waivers silence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from flagrelease.domain.bundle import Waiver
from flagrelease.domain.everything import Cell
from flagrelease.formats.positions import path_text
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A waiver, and where it stands: the variant, and its place in the variant's list."""

    cell: Cell
    index: int
    waiver: Waiver


def waivers_of(project: Project) -> Iterator[Placed]:
    """Every waiver of every variant."""
    for one in project.variants:
        for index, waiver in enumerate(one.variant.waivers):
            yield Placed(cell=one.cell, index=index, waiver=waiver)


def waivers_for(found: Found, rule: str, waivers: Iterable[Placed], today: date) -> tuple[Placed, ...]:
    """The waivers that silence a finding together: one of each variant it is about, or none at all."""
    speaking: dict[Cell, Placed] = {}
    for one in waivers:
        if one.waiver.rule == rule and one.waiver.expires >= today and _is_at(found, one):
            speaking.setdefault(one.cell, one)
    if not found.cells or any(cell not in speaking for cell in found.cells):
        return ()
    return tuple(speaking[cell] for cell in found.cells)


def _is_at(found: Found, one: Placed) -> bool:
    """Whether the finding is at the waiver's key or below it: a key of its file, or of the variant."""
    at = one.waiver.at
    if at is None:
        return True
    whole = path_text(found.key)
    prefix = path_text(("variants", one.cell.variant)) + "."
    return any(key == at or key.startswith((f"{at}.", f"{at}[")) for key in (whole, whole.removeprefix(prefix)))
