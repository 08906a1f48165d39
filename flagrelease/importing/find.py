"""Every defect of a card, in the order of its lines."""

from typing import Final

from flagrelease.importing.checks import containers, installs, scores, serving, versions, wording
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.subject import Subject

CHECKS: Final = (
    *wording.CHECKS, *containers.CHECKS, *serving.CHECKS, *installs.CHECKS, *versions.CHECKS, *scores.CHECKS,
)  # fmt: skip

MOST: Final = 500
"""Defects of one card; a card that has more is no card."""


def defects(subject: Subject) -> list[CardDefect]:
    """What is wrong with the card, each once."""
    found = set(subject.card.strange)
    for check in CHECKS:
        found.update(check(subject))
    return sorted(found)[:MOST]
