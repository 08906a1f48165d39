"""What a report of the gate shows, worked out before anything is drawn. Differences and margins are fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagrelease.domain.gate import Tier
from flagrelease.domain.verdict import Decision, TaskDecision

if TYPE_CHECKING:
    # They load scipy, which a report without a curve does not need.
    from flagrelease.gate.statistics.policy_power import PolicyChances, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One task. `scored` are the answers of reference and target; what could not be worked out is None.

    `worst` is the difference at worst: if what has no answer went against the target, or a sign that is not written.
    """

    task: str
    tier: Tier
    decision: TaskDecision
    items: int
    margin: float
    scored: tuple[int, int] | None = None
    reference: float | None = None
    target: float | None = None
    difference: float | None = None
    worst: float | None = None
    interval: tuple[float, float] | None = None
    is_paired: bool = True
    lost: int | None = None
    gained: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One sentence and the tasks that it is about; `id` where a check says it."""

    text: str
    tasks: tuple[str, ...] = ()
    id: str = ""
    weight: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What the policy does to a bundle whose every task is worse by so many points, from 0 to 10."""

    points: Sequence[PolicyChances]
    risk: Risk | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that an answer came from."""

    side: str
    path: str
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of it. `facts` are what it rests on, by their names; `suite` is what all tasks together show."""

    title: str
    decision: Decision
    summary: str
    reasons: Sequence[Told]
    rows: Sequence[Row]
    confidence: float
    settle: Sequence[str] = ()
    waiver: str = ""
    suite: str = ""
    findings: Sequence[Told] = ()
    asides: Sequence[str] = ()
    curve: Curve | None = None
    facts: Sequence[tuple[str, str]] = ()
    sources: Sequence[Source] = ()
