"""What came of an import from FlagScale: for people, a line a folder and what is wrong below it; for programs, data."""

import dataclasses
from collections.abc import Sequence

from flagrelease.domain.patch_series import BASE_DIGITS
from flagrelease.patching.flagscale.findings import Finding
from flagrelease.patching.flagscale.outcome import Outcome
from flagrelease.report.columns import columns


def import_table(outcomes: Sequence[Outcome], findings: Sequence[Finding]) -> str:
    """One line a folder, its findings below it, and those of no folder at the end."""
    told: list[str] = []
    below: dict[str, list[str]] = {one.folder: [] for one in outcomes}
    for found in findings:
        below.setdefault(found.folder, []).append(found.line)
    if outcomes:
        head = ("hardware", "gen", "component", "base", "chip", "patches", "authors", "state")
        lines = columns([head, *map(_row, outcomes)])
        told.append(lines[0])
        for line, one in zip(lines[1:], outcomes, strict=True):
            told += [line, *(f"    {text}" for text in below.pop(one.folder, ()))]
    told += [text for texts in below.values() for text in texts]
    return "".join(f"{line}\n" for line in told)


def _row(one: Outcome) -> tuple[str, ...]:
    state = f"{one.state}, sealed" if one.sealed and one.state in ("imported", "would be imported") else one.state
    return (
        one.folder,
        str(one.generation),
        one.component or "?",
        one.base[:BASE_DIGITS] or "?",
        one.chip or "?",
        str(one.patches or "-"),
        one.authors or "-",
        state,
    )


def import_summary(outcomes: Sequence[Outcome], findings: Sequence[Finding]) -> str:
    """The last line."""
    errors = sum(one.is_error for one in findings)
    counts = {state: sum(one.state == state for one in outcomes) for state in dict.fromkeys(o.state for o in outcomes)}
    folders = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no folder of patches"
    return f"{folders}; {errors} errors, {len(findings) - errors} warnings\n"


def import_data(outcomes: Sequence[Outcome], findings: Sequence[Finding], commit: str | None) -> dict[str, object]:
    """The same as data."""
    return {
        "schema": "flagrelease.patch-import/v1",
        "from": "flagscale",
        "commit": commit,
        "sets": [dataclasses.asdict(one) for one in outcomes],
        "findings": [dataclasses.asdict(one) for one in findings],
    }
