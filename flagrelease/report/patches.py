"""What was found of patch sets: as a table for people, as data for programs."""

import datetime as dt
from collections.abc import Iterable, Sequence

from flagrelease.domain.patch_series import BASE_DIGITS, Series
from flagrelease.patching.report import (
    AlreadyUpstream,
    Applies,
    BaseUnknown,
    Checked,
    Conflicts,
    Finding,
    NeedsKey,
    OtherTree,
    conflict_lines,
)
from flagrelease.report.columns import columns


def checks_table(found: Sequence[Checked]) -> str:
    """One line a set, and below it what is in the way."""
    if not found:
        return ""
    head = ("component", "base", "chip", "at", "patches", "finding")
    lines = columns([head, *map(_row, found)])
    told = lines[:1]
    for line, one in zip(lines[1:], found, strict=True):
        told += [line, *(f"    {text}" for text in _below(one.finding))]
    return "".join(f"{line}\n" for line in told)


def _row(one: Checked) -> tuple[str, ...]:
    at = "base" if one.against == one.base else one.against[:BASE_DIGITS]
    return (one.component, one.base[:BASE_DIGITS], one.chip, at, str(one.patches), _words(one.finding))


def _words(finding: Finding) -> str:
    match finding:
        case Applies() as one:
            without = f" without the {len(one.retired)} that upstream has" if one.retired else ""
            told = f"applies{without}: tree {one.tree[:BASE_DIGITS]}"
        case OtherTree() as one:
            told = f"makes tree {one.tree[:BASE_DIGITS]}, recorded is {one.wanted[:BASE_DIGITS]}"
        case AlreadyUpstream():
            told = "already upstream: retire it"
        case Conflicts() as one:
            have = f", upstream has {len(one.retired)}" if one.retired else ""
            told = f"conflicts: {one.fits} of {one.of} patches apply{have}"
        case BaseUnknown() as one:
            told = f"base unknown: {one.reason}"
        case NeedsKey() as one:
            told = f"needs key {' or '.join(one.keys)}"
        case _:
            told = finding.text.splitlines()[0]
    return told


def _below(finding: Finding) -> Iterable[str]:
    if isinstance(finding, Applies | Conflicts):
        yield from (f"{name}: upstream has it" for name in finding.retired)
    if isinstance(finding, Conflicts):
        for conflict in finding.conflicts:
            yield from conflict_lines(conflict)


def checks_data(found: Sequence[Checked]) -> dict[str, object]:
    """The same as data."""
    return {
        "schema": "flagrelease.patch-check/v1",
        "sets": [one.model_dump(mode="json", exclude_none=True) for one in found],
    }


def ledger_table(found: Sequence[Series], today: dt.date) -> str:
    """One line a set with its age, and below it why it is there and when it can go."""
    if not found:
        return ""
    head = ("component", "base", "chip", "task", "patches", "age", "owner", "upstream")
    lines = columns([head, *(_entry(one, today) for one in found)])
    told = lines[:1]
    for line, one in zip(lines[1:], found, strict=True):
        told += [line, f"    why: {one.why}", f"    remove when: {one.remove_when}"]
    return "".join(f"{line}\n" for line in told)


def _entry(one: Series, today: dt.date) -> tuple[str, ...]:
    sealed = sum(patch.sealed for patch in one.patches)
    count = f"{len(one.patches)}{f' ({sealed} sealed)' if sealed else ''}"
    return (
        one.component,
        one.base[:BASE_DIGITS],
        one.chip,
        ",".join(one.task),
        count,
        _age(one, today),
        one.owner,
        one.upstream,
    )


def _age(one: Series, today: dt.date) -> str:
    days = age_days(one, today)
    return "unknown" if days is None else f"{days} d"


def age_days(one: Series, today: dt.date) -> int | None:
    """Days since the oldest of its patches was written; None where none says when."""
    dates = [patch.date for patch in one.patches if patch.date]
    return (today - min(dates)).days if dates else None


def ledger_data(found: Sequence[Series], digests: Sequence[str], today: dt.date) -> dict[str, object]:
    """The same as data."""
    return {
        "schema": "flagrelease.patch-status/v1",
        "sets": [
            {
                **one.model_dump(mode="json", by_alias=True, exclude={"patches", "schema_"}),
                "digest": digest,
                "patches": len(one.patches),
                "sealed": sum(patch.sealed for patch in one.patches),
                "age_days": age_days(one, today),
            }
            for one, digest in zip(found, digests, strict=True)
        ],
    }
