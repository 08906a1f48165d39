"""Which harness wrote these files, and its records."""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from flagrelease.domain.answers import Record
from flagrelease.errors import RecipeError
from flagrelease.ingest import (
    evalrun,
    evalscope,
    flageval,
    flagevalmm,
    lm_eval,
    lmms_eval,
    modeltest,
    open_clip,
    opencompass,
    table,
    vlmevalkit,
)
from flagrelease.ingest.environment import environment_of
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.sources import Sources

FORMATS: Final[tuple[Format, ...]] = (
    evalrun.FORMAT,
    lm_eval.FORMAT,
    lmms_eval.FORMAT,
    evalscope.FORMAT,
    flagevalmm.FORMAT,
    flageval.FORMAT,
    vlmevalkit.FORMAT,
    modeltest.FORMAT,
    opencompass.FORMAT,
    open_clip.FORMAT,
)
"""In this order; a file belongs to the first that knows it."""

ALL: Final = (*FORMATS, table.FORMAT)
"""A plain table is looked for only where no harness's files are: a folder of results may well have a README."""


def records_of(sources: Sources) -> tuple[Record, ...]:
    """The records of one side. Raises RecipeError: nothing known, two harnesses, a damaged file, no items."""
    found = _units(sources, FORMATS) or _units(sources, (table.FORMAT,))
    if not found:
        raise _unknown(sources)
    if len(found) > 1:
        named = " and ".join(f"{kind.title} ({sources.place(units[0].names[0])})" for kind, units in found.items())
        raise RecipeError(
            f"{sources.title}: wanted the results of one harness, found {named}",
            hint="scores of two harnesses are not comparable: give each its own folder, and each side one of them",
        )
    ((kind, units),) = found.items()
    environment = environment_of(sources)
    records = []
    for unit in units:
        records += _read(sources, kind, unit)
        sources.forget()
    _refuse_empty(sources, records)
    return tuple(_in(environment, record) for record in records)


def _in(environment: Mapping[str, str], record: Record) -> Record:
    """The record with what the environment decided; what it states itself stays."""
    if not environment:
        return record
    settings = {**environment, **record.facts.settings}
    return Record(record.facts.model_copy(update={"settings": settings}), record.answers)


def _read(sources: Sources, kind: Format, unit: Unit) -> list[Record]:
    try:
        return list(kind.read(sources, unit))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise sources.refuse(unit.names[0], f"makes no record: `{where}`: {first['msg']}") from error


def _units(sources: Sources, kinds: tuple[Format, ...]) -> Mapping[Format, list[Unit]]:
    taken: set[str] = set()
    found: dict[Format, list[Unit]] = {}
    for kind in kinds:
        for unit in kind.find(sources):
            if taken.isdisjoint(unit.names):
                taken.update(unit.names)
                found.setdefault(kind, []).append(unit)
    return found


def _unknown(sources: Sources) -> RecipeError:
    known = "\n".join(f"  {kind.title}: {kind.files}" for kind in ALL)
    seen = ", ".join(sources.names[:5]) or "no file"
    for name in sources.names:
        if name.lower().endswith((".xlsx", ".xls")):
            # Says what to do instead.
            sources.data(name, 1 << 30)
    return RecipeError(f"{sources.title}: wanted results of a harness, found {seen}\n{known}")


def _refuse_empty(sources: Sources, records: list[Record]) -> None:
    empty = [record.facts.task for record in records if record.answers is not None and not len(record.answers)]
    if empty or not records:
        what = f"no item of {', '.join(empty[:3])}" if empty else "no score"
        raise RecipeError(f"{sources.title}: wanted results, found {what}", hint="an empty suite shows nothing")
