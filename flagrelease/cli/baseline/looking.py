"""Baselines looked up for people: read, with their signers, and what speaks against them today."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.errors import RecipeError
from flagrelease.report.baselines import Listed
from flagrelease.sealing.detached import VerifyingKey


def day(given: datetime | None) -> date:
    """The day that was named, or today."""
    return given.date() if given else datetime.now(UTC).date()


def looked_up(known: Baselines, name: str, trusted: Sequence[VerifyingKey], today: date) -> Listed:
    """One baseline; where it cannot be read, with the reason."""
    try:
        held = known.held(name)
    except RecipeError as error:
        return Listed(name=name, held=None, fault=error.message.partition("\n")[0])
    try:
        return Listed(name=held.name, held=held, signers=held.signers(trusted), fault=held.why_not(today))
    except RecipeError as error:
        return Listed(name=held.name, held=held, fault=error.message.partition("\n")[0])


def keys(known: Baselines, more: Sequence[Path] | None) -> tuple[VerifyingKey, ...]:
    """Keys whose signature counts."""
    return known.trusted(more or ())
