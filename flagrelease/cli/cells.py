"""Cells by filters, and how each stands: the parts of `matrix` that are put together from options and files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.everything import Cell, Everything
from flagrelease.formats.canonical import sha256_of
from flagrelease.planning.matrix import Row
from flagrelease.planning.readiness import Readiness, readiness_of
from flagrelease.planning.select import Filter, fits

Words: TypeAlias = list[str] | None
"""What an option that may be repeated was given."""


def filters_of(named: Mapping[str, Words], *, default_only: bool) -> list[Filter]:
    """The filters, by their options' names."""
    words: Mapping[str, Callable[[Row], Sequence[str]]] = {
        "--chip": lambda row: row.answers_to,
        "--model": lambda row: (row.cell.model,),
        "--variant": lambda row: (row.cell.variant,),
        "--engine": lambda row: (row.engine,),
        "--label": lambda row: row.labels,
    }
    filters = [Filter(option=name, patterns=tuple(given or ()), words=words[name]) for name, given in named.items()]
    if default_only:
        is_default = Filter(option="--default-only", patterns=("",), words=lambda row: ("",) if row.is_default else ())
        filters.append(is_default)
    return filters


def wants_of(everything: Everything, chips: Words, models: Words) -> Callable[[str, str], bool]:
    """Whether a bundle passes the filters of chip and model."""

    def wants(chip: str, model: str) -> bool:
        found = everything.chips.get(chip)
        names = (chip, *(found.aliases if found else ()))
        return (not chips or any(fits(name, chips) for name in names)) and (not models or fits(model, models))

    return wants


def look_into(catalogue: Catalogue, everything: Everything, *, check: bool) -> Callable[[Cell], Readiness]:
    """How a cell stands; each lock file is read once."""
    known: dict[tuple[str, str], Mapping[str, Readiness]] = {}

    def look(cell: Cell) -> Readiness:
        bundle = (cell.chip, cell.model)
        if bundle not in known:
            path = catalogue.lock_path(*bundle)
            known[bundle] = readiness_of(
                path.read_bytes() if path.is_file() else None, everything.bundles[bundle].variants
            )
        found = known[bundle][cell.variant]
        if not check or found.state != "locked":
            return found
        wanted = sha256_of(catalogue.recipe(cell.chip, cell.model, cell.variant).binding())
        return replace(found, state="ready" if found.recipe_sha256 == wanted else "stale")

    return look
