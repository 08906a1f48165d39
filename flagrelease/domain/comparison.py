"""What the gate says of two sides' files: a verdict without an image, or with one where it was named."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.evalrun import SourceFile
from flagrelease.domain.gate import Tier
from flagrelease.domain.value import Digest, Name, Sha256, Text, Value
from flagrelease.domain.verdict import Decision, Finding, TaskDecision

_Share = Annotated[float, Field(allow_inf_nan=False)]


class TaskComparison(Value):
    """One task. Scores, difference and margin are fractions: 0.03 is 3 points.

    Scores are over all `items` of the task, what has no answer being wrong; `worst` is the difference if everything
    without an answer had been wrong on the target and right on the reference. What could not be worked out is absent.
    """

    task: Name
    tier: Tier
    decision: TaskDecision
    items: int
    evidence: Literal["paired", "graded", "aggregate"]
    metric: Text
    scale: int
    margin: _Share
    reference_score: _Share | None = None
    target_score: _Share | None = None
    difference: _Share | None = None
    worst: _Share | None = None
    interval: tuple[_Share, _Share] | None = None
    confidence: _Share
    lost: int | None = None
    gained: int | None = None
    p_margin: _Share | None = None
    p_damage: _Share | None = None
    p_damage_adjusted: _Share | None = None
    p_gain_adjusted: _Share | None = None
    items_needed: int | None = None
    findings: tuple[Finding, ...] = ()
    reason: Text


class SideFiles(Value):
    """What one side's records were read from."""

    path: Text
    harness: Text
    records: int
    sources: tuple[SourceFile, ...]


class Comparison(Value):
    """The gate's word on two sides' files, by one policy. `settle` says what would turn a HOLD into an answer."""

    schema_: Literal["flagrelease.comparison/v1"] = Field(default="flagrelease.comparison/v1", alias="schema")
    decision: Decision
    reasons: tuple[Text, ...] = Field(min_length=1)
    settle: tuple[Text, ...] = ()
    policy: Name
    policy_sha256: Sha256
    image: Digest | None = None
    reference: SideFiles
    target: SideFiles
    tasks: tuple[TaskComparison, ...]
    findings: tuple[Finding, ...] = ()
