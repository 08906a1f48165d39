"""The matrix as a table, as JSON, and as GitHub Actions takes it."""

import json
from collections.abc import Iterable, Sequence

from flagrelease.domain.everything import Cell
from flagrelease.errors import RecipeError
from flagrelease.planning.matrix import RefusedCell, Row
from flagrelease.planning.shards import MOST, shards_needed
from flagrelease.report.columns import columns

_HEADINGS = ("chip", "model", "variant", "engine", "rev", "arch", "devices", "runner labels", "ready")


def as_table(rows: Sequence[Row], refused: Sequence[RefusedCell]) -> str:
    """One line a cell, with its reasons below it where it has some; then what is refused, where that was asked for."""
    lines = columns([_HEADINGS, *map(_fields, rows)]) if rows else []
    told = lines[:1]
    for line, row in zip(lines[1:], rows, strict=True):
        told += [line, *(f"    {reason}" for reason in row.reasons)]
    for one in refused:
        why = f"{one.refused.what}: {one.refused.why} ({one.refused.source})"
        until = f", until {one.refused.expires.isoformat()}" if one.refused.expires else ""
        told.append(f"refused  {one.chip} × {one.model}: {why}{until}")
    return "".join(f"{line}\n" for line in told)


def _fields(row: Row) -> tuple[str, ...]:
    return (
        row.cell.chip,
        row.cell.model,
        row.cell.variant,
        row.engine,
        row.revision,
        row.architecture,
        str(row.world_size),
        ",".join(row.labels) or "-",
        str(row.readiness),
    )


def as_json(
    rows: Iterable[Row], refused: Iterable[RefusedCell], gone: Iterable[Cell], *, with_reasons: bool
) -> dict[str, object]:
    """The matrix as data. `gone` are cells that a revision had and that are no longer there."""
    data: dict[str, object] = {
        "schema": "flagrelease.matrix/v1",
        "cells": [_cell(row, with_reasons=with_reasons) for row in rows],
        "refused": [
            {"chip": one.chip, "model": one.model, **one.refused.model_dump(mode="json", exclude_none=True)}
            for one in refused
        ],
    }
    if with_reasons:
        data["gone"] = [{"chip": one.chip, "model": one.model, "variant": one.variant} for one in gone]
    return data


def _cell(row: Row, *, with_reasons: bool) -> dict[str, object]:
    data: dict[str, object] = {
        "bundle": row.cell.name,
        "chip": row.cell.chip,
        "model": row.cell.model,
        "variant": row.cell.variant,
        "is_default": row.is_default,
        "engine": row.engine,
        "revision": row.revision,
        "architecture": row.architecture,
        "world_size": row.world_size,
        "runner_labels": list(row.labels),
        "state": row.readiness.state if row.readiness else None,
        "open_inputs": row.readiness.open if row.readiness else None,
    }
    if with_reasons:
        data["reasons"] = [{"file": one.path, "key": one.key, "text": one.text} for one in row.reasons]
    return data


def as_gha(rows: Sequence[Row], *, sharded: bool) -> str:
    """One line for `strategy.matrix`.

    Raises:
        RecipeError: there are more cells than it takes, or a cell's chip names no runner.
    """
    if len(rows) > MOST and not sharded:
        needed = shards_needed(len(rows))
        raise RecipeError(
            f"a matrix of GitHub Actions takes {MOST} jobs, these are {len(rows)} cells",
            hint=f"ask for one of {needed} shards: --shard 1/{needed}; `--shards` lists them for a matrix of its own",
        )
    if without := sorted({row.cell.chip for row in rows if not row.labels}):
        raise RecipeError(
            f"wanted a runner for each cell, found no `runner_labels` in the recipes of {', '.join(without)}",
            hint="write them into the chip's recipe, or choose other cells with --chip or --label",
        )
    return json.dumps({"include": [_job(row) for row in rows]}, sort_keys=True, separators=(",", ":")) + "\n"


def _job(row: Row) -> dict[str, object]:
    job: dict[str, object] = {
        "name": row.cell.name,
        "chip": row.cell.chip,
        "model": row.cell.model,
        "variant": row.cell.variant,
        "engine": row.engine,
        "revision": row.revision,
        "architecture": row.architecture,
        "world_size": row.world_size,
        "runs_on": list(row.labels),
        "state": row.readiness.state if row.readiness else "",
    }
    if row.reasons:
        more = f" and {len(row.reasons) - 1} more" if len(row.reasons) > 1 else ""
        job["reason"] = f"{row.reasons[0]}{more}"
    return job
