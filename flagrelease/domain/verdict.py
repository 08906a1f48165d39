"""What the gate decided, task by task and for the bundle, and the one value that may be published."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.evidence import SmokeReport, Software
from flagrelease.domain.gate import Tier
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest, Name, Sha256, Text, Value

TaskDecision = Literal["PASS", "PASS_WARN", "FAIL", "ANOMALY", "INCONCLUSIVE", "INVALID"]
Decision = Literal["GO", "NO-GO", "HOLD"]
Share = Annotated[float, Field(allow_inf_nan=False)]


class Finding(Value):
    """One integrity finding: `invalid` spoils the task, `hold` keeps it from deciding, `note` is for the reader."""

    id: Name
    weight: Literal["invalid", "hold", "note"]
    text: Text


class Stop(Value):
    """How far a task that is decided at planned looks came: `look` counts from 1, `looks` are all with their items.

    `score` is how many standard errors the difference lies above −margin, `needed` what this look asks. FUTILE is
    advice to stop undecided; whoever goes on, as after GO-ON, asks up to `next_items`. END is the last look, undecided.
    """

    looks: tuple[int, ...]
    look: int
    step: Literal["PASS", "FAIL", "ANOMALY", "FUTILE", "GO-ON", "END"]
    score: Share
    needed: Share
    chance_to_pass: Share
    next_items: int | None = None


class TaskVerdict(Value):
    """One task. Scores, differences, intervals and margins are fractions: 0.03 is 3 points.

    Scores are over all `items` of the task, what has no answer being wrong; `scored` items have an answer on the
    reference and on the target. `difference` is target − reference, `interval` its two-sided confidence interval at
    level `confidence`, and `worst` the difference if everything without an answer had been wrong on the target and
    right on the reference. `lost` items were right on the reference and wrong on the target (b), `gained` the other way
    round (c). `p_margin` is of the hypothesis that the target is worse by the margin or more, `p_above_chance` that of
    the side that is nearer to a guesser. What could not be worked out is absent.

    Of a task that is decided at planned looks, `items` are those of the look that `sequential` names, and `interval`
    has the level of that look.

    Where each item was answered or judged several times, `repeats` is how often, on the side that did it less often,
    `repeats_share` how much of the variance comes from that, and `repeats_needed` how many would decide.
    """

    task: Name
    tier: Tier
    decision: TaskDecision
    items: int
    items_available: int | None = None
    scored: tuple[int, int] | None = None
    evidence: Literal["paired", "graded", "aggregate"]
    metric: Text
    scale: int
    margin: Share
    reference_score: Share | None = None
    target_score: Share | None = None
    difference: Share | None = None
    worst: Share | None = None
    interval: tuple[Share, Share] | None = None
    confidence: Share
    lost: int | None = None
    gained: int | None = None
    p_margin: Share | None = None
    p_damage: Share | None = None
    p_damage_adjusted: Share | None = None
    p_gain_adjusted: Share | None = None
    chance: Share = 0.0
    p_above_chance: Share | None = None
    items_needed: int | None = None
    repeats: int | None = None
    repeats_share: Share | None = None
    repeats_needed: int | None = None
    sequential: Stop | None = None
    findings: tuple[Finding, ...] = ()
    reason: Text


class SuiteVerdict(Value):
    """All tasks together: `difference` is the mean over `tasks`, each with the same weight, in fractions.

    `low` is the lower end of its interval, one-sided at the policy's level, and `margin` what the policy allows;
    `is_shown` is absent where it allows nothing in particular. `p_damage` is the smallest p of three aggregates over
    the tasks that have items, times three.
    """

    tasks: int
    evidence: Literal["items", "aggregate"]
    difference: Share
    low: Share
    margin: Share | None = None
    is_shown: bool | None = None
    p_pooled: Share | None = None
    p_max_drop: Share | None = None
    p_fisher: Share | None = None
    p_damage: Share | None = None
    is_damaged: bool
    reason: Text


class Judged(Value):
    """What a policy says of two sides' records.

    `policy_sha256` was fixed before any result was seen; `settle` says what would turn a HOLD into an answer, and
    `findings` are those about all tasks together.
    """

    decision: Decision
    reasons: tuple[Text, ...] = Field(min_length=1)
    settle: tuple[Text, ...] = ()
    policy_sha256: Sha256
    tasks: tuple[TaskVerdict, ...]
    suite: SuiteVerdict | None = None
    findings: tuple[Finding, ...] = ()


class Verdict(Judged):
    """The gate's word on one image."""

    image: Digest


class Waiver(Value):
    """Why a HOLD may be published all the same: who says so, until when, for which image only."""

    image: Digest
    owner: Text
    reason: Text
    expires: date


class Approved(Value):
    """An image that may be published.

    It cannot be made of a NO-GO, of a HOLD without a waiver, of failed smoke checks, nor of evidence about
    another image.
    """

    image: Image
    serving: SmokeReport
    verdict: Verdict
    waiver: Waiver | None = None

    @model_validator(mode="after")
    def _only_what_the_gate_let_through(self) -> "Approved":
        if not self.image.digest == self.serving.image == self.verdict.image:
            raise ValueError("the evidence is about another image")
        if self.serving.failed:
            raise ValueError("the serving smoke failed")
        if self.verdict.decision == "NO-GO":
            raise ValueError("the verdict is NO-GO")
        if self.verdict.decision == "HOLD" and (self.waiver is None or self.waiver.image != self.image.digest):
            raise ValueError("the verdict is HOLD and no waiver names this image")
        return self


class EvidenceFile(Value):
    """One record that the verdict was reached from: its file below the evaluate stage's folder, and the file's hash.

    `software` gave the answers that the record holds, the last of them at `finished`.
    """

    task: Name
    side: Literal["reference", "target"]
    path: Text
    sha256: Sha256
    software: tuple[Software, ...]
    finished: datetime


class Evaluation(Value):
    """The verdict with the records it was reached from; `reference` says what the bundle was measured against."""

    verdict: Verdict
    reference: Text
    evidence: tuple[EvidenceFile, ...]
