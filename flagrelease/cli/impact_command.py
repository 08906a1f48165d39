"""Say what another version of one thing would touch, before it is bumped.

It names a component, a wheel, an SDK (`<chip>:sdk`, or one generation by its name, or all of a family such as `cann`),
a model's weights, an engine, a gate policy or a benchmark; case and `-`, `_`, `.` do not count. Times are those of
earlier runs in --out, and unknown where a bundle never ran here.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cli.options import Json, Out, Recipes
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.domain.everything import Cell
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.planning.impact import Impact, PatchSet, Times, Touched
from flagrelease.planning.impact import impact as found_impact
from flagrelease.planning.uses import Use, uses_of
from flagrelease.report.columns import columns
from flagrelease.report.earlier import earlier_seconds
from flagrelease.report.words import duration


def _names(incomplete: str) -> list[str]:
    everything = cached_catalogue(settings()).everything()
    names = {use.name for cell in everything.cells() for use in uses_of(everything, cell)}
    return sorted(f"{name}=" for name in names if name.startswith(incomplete))


Bump = Annotated[
    list[str],
    typer.Option("--bump", help="What, and to which version: flaggems=5.0.2. May be repeated.", autocompletion=_names),
]


def impact(bump: Bump, recipes: Recipes = None, out: Out = None, json: Json = False) -> None:
    """Say what the bumps touch."""
    asked = [_asked(text) for text in bump]
    chosen = settings(recipes=recipes, out=out)
    everything = cached_catalogue(chosen).everything()
    if everything.unreadable:
        lines = [line for one in everything.unreadable for line in one.faults]
        hint = "mend them first: what they use would be missing here"
        raise RecipeError("recipes cannot be read\n" + "\n".join(lines), hint=hint)
    times = _times(chosen.out)
    found = [found_impact(everything, name, version, times) for name, version in asked]
    if json:
        data = {"schema": "flagrelease.impact/v1", "bumps": [_data(one) for one in found]}
        sys.stdout.write(pretty_json(data).decode())
    else:
        sys.stdout.write("".join(f"{line}\n" for one in found for line in _lines(one)))


def _asked(text: str) -> tuple[str, str]:
    name, _, version = text.partition("=")
    if not name.strip() or not version.strip():
        raise typer.BadParameter(f"`--bump {text}`: wanted a name and a version, such as flaggems=5.0.2")
    return name.strip(), version.strip()


def _times(out: Path) -> Times:
    """Only bundles that have a folder are looked for: there may be a thousand cells."""
    ran = {path.name.rpartition("-")[0] for path in out.iterdir()} if out.is_dir() else set()

    def times(cell: Cell) -> Mapping[str, float]:
        return earlier_seconds(out, cell.name) if cell.name in ran else {}

    return times


def _lines(found: Impact) -> Iterator[str]:
    yield f"{found.name} → {found.version}"
    yield f"redo ({len(found.touched)})"
    rows = [_row(one) for one in found.touched]
    if rows:
        yield from (f"  {line}" for line in columns(rows))
    if found.at_it:
        yield f"already at it ({len(found.at_it)})"
        yield from (f"  {use.cell.name}: {use.kind} {use.name} {use.versions[0]}" for use in found.at_it)
    yield f"patch sets on it ({len(found.patch_sets)})"
    for one in found.patch_sets:
        names = ", ".join(cell.name for cell in one.cells)
        yield f"  {_folder(one)} ({one.patches.status}): {names}"
    yield f"evaluate again ({sum(len(one.cells) for one in found.evaluations)})"
    for again in found.evaluations:
        policy = f"policy {again.policy}, tasks: {again.tasks}" if again.policy else "no policy, so nothing decides"
        yield f"  {policy}: {', '.join(cell.name for cell in again.cells)}"
    if found.references:
        names = ", ".join(cell.name for cell in found.references)
        yield f"measured against that chip ({len(found.references)}): {names}"
    yield f"time: {_time(found)}"


def _row(one: Touched) -> tuple[str, ...]:
    uses = "; ".join(f"{use.kind} {use.name} {_version(use)}" for use in one.uses)
    places = "; ".join(dict.fromkeys(f"recipes/{use.path}: {use.key}" for use in one.uses))
    took = duration(one.seconds) if one.seconds is not None else "time unknown"
    return one.cell.name, uses, f"from {one.stages[0]} on", took, places.removesuffix(": ")


def _version(use: Use) -> str:
    return use.versions[0] if use.versions else "at a version that its recipe does not state"


def _folder(one: PatchSet) -> str:
    return f"patches/{one.component}/{one.patches.base[:12]}/{one.patches.chip}/"


def _time(found: Impact) -> str:
    known = len(found.touched) - found.unknown
    if not known:
        return "unknown: none of these cells ever ran here" if found.touched else "none"
    text = f"{duration(found.known_seconds)} for {known} cells, by earlier runs"
    return f"{text}; unknown for {found.unknown} that never ran here" if found.unknown else text


def _data(found: Impact) -> dict[str, object]:
    return {
        "name": found.name,
        "version": found.version,
        "redo": [
            {
                **asdict(one.cell),
                "uses": [_use(use) for use in one.uses],
                "stages": one.stages,
                "seconds": one.seconds,
            }
            for one in found.touched
        ],
        "already_at_it": [{**asdict(use.cell), **_use(use)} for use in found.at_it],
        "patch_sets": [
            {"folder": _folder(one), "status": one.patches.status, "cells": [asdict(cell) for cell in one.cells]}
            for one in found.patch_sets
        ],
        "evaluations": [
            {"policy": one.policy, "tasks": one.tasks, "cells": [asdict(cell) for cell in one.cells]}
            for one in found.evaluations
        ],
        "references": [asdict(cell) for cell in found.references],
        "known_seconds": found.known_seconds,
        "cells_of_unknown_time": found.unknown,
    }


def _use(use: Use) -> dict[str, object]:
    return {"kind": use.kind, "name": use.name, "versions": use.versions, "file": use.path, "key": use.key}
