"""List every bundle variant, for people, for programs, and for the matrix of a GitHub Actions workflow.

A cell is ready (all inputs pinned, the lock fresh), locked (all pinned; --check-locks says whether it is fresh), open
(with how many inputs), stale, unlocked, or unreadable. Filters take `*`, `?` and `[…]`, ignore case, and may be
repeated; one that matches nothing ends with 3.

`--changed-since` keeps what changed between the commit at which HEAD left that revision and the files as they are now,
with the reasons. A workflow reads `--format gha` by fromJson; it takes 256 jobs, so larger matrices come in shards.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.cells import Words, filters_of, look_into, wants_of
from flagrelease.cli.changed import changed_since as since
from flagrelease.cli.options import Recipes
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.domain.everything import Cell, Everything
from flagrelease.formats.canonical import pretty_json
from flagrelease.planning.matrix import Row, refused_cells, require_readable, rows, with_readiness
from flagrelease.planning.select import only_ready, select
from flagrelease.planning.shards import MOST, shard, shards_needed
from flagrelease.report.matrix import as_gha, as_json, as_table


class Format(StrEnum):
    """How the matrix is printed."""

    TABLE = "table"
    JSON = "json"
    GHA = "gha"


def _names(folder: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        found = {path.stem for path in (settings().recipes / folder).glob("*.yaml")}
        return sorted(name for name in found if name.startswith(incomplete))

    return complete


Chips = Annotated[
    Words, typer.Option("--chip", help="Only these chips, by name or alias.", autocompletion=_names("chips"))
]
Models = Annotated[Words, typer.Option("--model", help="Only these models.", autocompletion=_names("models"))]
Variants = Annotated[Words, typer.Option("--variant", help="Only variants of this name.")]
Engines = Annotated[Words, typer.Option("--engine", help="Only these engines.", autocompletion=_names("engines"))]
Labels = Annotated[Words, typer.Option("--label", help="Only cells whose runner has this label.")]
Ready = Annotated[bool, typer.Option("--ready", help="Only what is ready to build; checks locks.")]
DefaultOnly = Annotated[bool, typer.Option("--default-only", help="Only each bundle's default variant.")]
Refused = Annotated[bool, typer.Option("--refused", help="List what is refused in the table too.")]
Since = Annotated[str | None, typer.Option("--changed-since", help="Only what changed since this git revision.")]
Code = Annotated[bool, typer.Option("--code", help="A change of flagrelease itself is a reason for every cell.")]
CheckLocks = Annotated[bool, typer.Option("--check-locks", help="Hold each lock against its recipe; takes longer.")]
Shard = Annotated[str | None, typer.Option("--shard", help="Only this shard of the cells, such as 2/4.")]
Shards = Annotated[bool, typer.Option("--shards", help="Say how many shards the cells need, and nothing else.")]
Kind = Annotated[Format, typer.Option("--format", help="What is printed.")]


def matrix(
    format_: Kind = Format.TABLE,
    chip: Chips = None,
    model: Models = None,
    variant: Variants = None,
    engine: Engines = None,
    label: Labels = None,
    ready: Ready = False,
    default_only: DefaultOnly = False,
    refused: Refused = False,
    changed_since: Since = None,
    code: Code = False,
    check_locks: CheckLocks = False,
    shard_: Shard = None,
    shards: Shards = False,
    recipes: Recipes = None,
) -> None:
    """List the cells."""
    if code and not changed_since:
        raise typer.BadParameter("`--code` says what counts as a change: it needs `--changed-since`")
    catalogue = cached_catalogue(settings(recipes=recipes))
    everything = catalogue.everything()
    all_rows = list(rows(everything))
    wants = wants_of(everything, chip, model)
    for path in require_readable(everything, all_rows, wants=wants):
        _say(f"{path} cannot be read; no cell here is made from it")
    named = {"--chip": chip, "--model": model, "--variant": variant, "--engine": engine, "--label": label}
    chosen = select(all_rows, filters_of(named, default_only=default_only))
    chosen = with_readiness(chosen, look_into(catalogue, everything, check=check_locks or ready))
    chosen = only_ready(chosen) if ready else chosen
    gone: tuple[Cell, ...] = ()
    if changed_since:
        chosen, gone = _changed(catalogue, everything, chosen, changed_since, code=code)
        gone = tuple(cell for cell in gone if wants(cell.chip, cell.model))
    if shards:
        sys.stdout.write(_shards(len(chosen), format_))
        return
    if shard_:
        chosen = list(shard(chosen, *_part(shard_, len(chosen))))
    not_built = [one for one in refused_cells(everything) if wants(one.chip, one.model)]
    if format_ is Format.GHA:
        sys.stdout.write(as_gha(chosen, sharded=shard_ is not None))
    elif format_ is Format.JSON:
        data = as_json(chosen, not_built, gone, with_reasons=changed_since is not None)
        sys.stdout.write(pretty_json(data).decode())
    else:
        sys.stdout.write(as_table(chosen, not_built if refused else ()))
    _tell(chosen, gone, changed_since)


def _changed(
    catalogue: Catalogue, everything: Everything, found: Sequence[Row], asked: str, *, code: bool
) -> tuple[list[Row], tuple[Cell, ...]]:
    """The rows that changed, with their reasons, and the cells that are no longer there."""
    with since(catalogue, everything, asked, code=code, cache=ParseCache(settings().home)) as reasons:
        told = [replace(row, reasons=reasons.of(row.cell)) for row in found]
        return [row for row in told if row.reasons], reasons.gone()


def _shards(count: int, format_: Format) -> str:
    needed = shards_needed(count)
    if format_ is Format.TABLE:
        return f"{needed}\n"
    names = [f"{number}/{needed}" for number in range(1, needed + 1)]
    if format_ is Format.GHA:
        return json.dumps({"shard": names}, separators=(",", ":")) + "\n"
    return pretty_json({"cells": count, "shards": names}).decode()


def _part(text: str, count: int) -> tuple[int, int]:
    """Number and count of `2/4`."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise typer.BadParameter(f"`--shard {text}`: wanted a number and a count, such as 2/4, both counted from 1")
    if of < shards_needed(count):
        raise typer.BadParameter(
            f"`--shard {text}`: {count} cells need {shards_needed(count)} shards of at most {MOST}"
        )
    return number, of


def _tell(chosen: Sequence[Row], gone: Sequence[Cell], changed_since: str | None) -> None:
    """What a table's reader should know and a program's input must not hold."""
    for cell in gone:
        _say(f"gone since {changed_since}: {cell.name}")
    if not chosen:
        _say(f"no cell changed since {changed_since}" if changed_since else "there are no cells")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
