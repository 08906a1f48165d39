"""What a policy says of two sides' records, by all of its tasks: there is one way to decide, and this is it.

A task passes only when it is shown that it is not worse than the margin: "no significant difference" passes nothing.
All critical tasks must pass, each at the policy's level (an intersection-union test needs no correction); the search
for damage, and for gains that cannot be, in any task is corrected by Holm. `statistics/rule.py` has the levels and why.
Aggregates are shown and never decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Decision, Finding, SuiteVerdict, TaskDecision, TaskVerdict
from flagrelease.errors import RecipeError
from flagrelease.gate.records.asked import Asked, asked_of, unasked
from flagrelease.gate.records.bundle import bundle_of
from flagrelease.gate.records.check import Sides, cut
from flagrelease.gate.records.checks import GRADED, look
from flagrelease.gate.records.choose import Chosen, choose
from flagrelease.gate.records.copied import Table, copied
from flagrelease.gate.records.estimate import Estimate, estimate
from flagrelease.gate.records.same import UNKNOWN_HARNESS
from flagrelease.gate.records.suite import suite_of
from flagrelease.gate.records.whole import p_above_guessing
from flagrelease.gate.records.words import settle_words, task_words
from flagrelease.gate.statistics.rule import Levels, Limits, Measured, adjusted, judge
from flagrelease.gate.statistics.sample_size import items_that_decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, where it was named, and the other releases' tables that its scores are held against."""

    image: Digest | None = None
    chip: str = ""
    model: str = ""
    others: Sequence[Table] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The decision with all that it rests on."""

    decision: Decision
    reasons: tuple[str, ...]
    settle: tuple[str, ...]
    tasks: tuple[TaskVerdict, ...]
    suite: SuiteVerdict | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    asked: Asked
    figures: Estimate
    findings: tuple[Finding, ...]
    harness: str
    p_above_chance: float | None

    def weighs(self, weight: str) -> bool:
        return any(finding.weight == weight for finding in self.findings)


def outcome(
    policy: Policy,
    *,
    benchmarks: Mapping[str, Benchmark],
    reference: Sequence[Record],
    target: Sequence[Record],
    subject: Subject,
) -> Outcome:
    """Judge the target by every task of the policy.

    A task that either side has no record of is NO-GO, as is a policy without a critical task. Raises RecipeError when
    two harnesses scored a task.
    """
    tasks = asked_of(policy, benchmarks)
    looked, missing = [], []
    for asked in tasks:
        before, after = choose("reference", asked, reference), choose("target", asked, target)
        if before.record is None or after.record is None:
            missing.append(_missing(asked, before, after))
        else:
            _refuse_two_harnesses(asked, before.record, after.record)
            sides = Sides(asked=asked, policy=policy, reference=before.record, target=after.record, image=subject.image)
            looked.append(_look(sides, (*before.findings, *after.findings)))
    judged = _judged(looked, policy)
    findings = tuple(copied(_own_table(judged, subject), subject.others))
    suite = suite_of(policy, judged)
    decision, reasons = bundle_of(policy, judged, missing, suite, findings)
    aside = unasked(tasks, (*reference, *target))
    reasons += tuple(f"{cut(name)}: the policy does not ask for it, its records are not used" for name in aside[:20])
    return Outcome(
        decision=decision,
        reasons=reasons,
        settle=settle_words(judged, {one.asked.name: one.harness for one in looked}) if decision == "HOLD" else (),
        tasks=judged,
        suite=suite,
        findings=findings,
    )


def _refuse_two_harnesses(asked: Asked, before: Record, after: Record) -> None:
    """A plain table does not say which harness its scores are of; the gate says that."""
    names = before.facts.harness.name, after.facts.harness.name
    if names[0] != names[1] and UNKNOWN_HARNESS not in names:
        raise RecipeError(
            f"{asked.name}: wanted the scores of one harness, found {cut(names[0])} on the reference and "
            f"{cut(names[1])} on the target",
            hint="run one harness, in one version, on both sides: two harnesses differ by points on the same answers",
        )


def _missing(asked: Asked, before: Chosen, after: Chosen) -> str:
    sides = [side for side, one in (("reference", before), ("target", after)) if one.record is None]
    metrics = sorted({*before.other_metrics, *after.other_metrics})
    but = f", only with {', '.join(map(cut, metrics[:5]))}" if metrics else ""
    return (
        f"{asked.name}: the policy asks for it with metric `{asked.metric}` and there is no record of the "
        f"{' and the '.join(sides)}{but}"
    )


def _look(sides: Sides, before: tuple[Finding, ...]) -> _Looked:
    figures = estimate(sides, _confidence(sides.policy))
    findings = (*before, *look(sides))
    if figures.evidence == "graded" and figures.interval is None:
        findings = (*findings, Finding(id=GRADED[0], weight="hold", text=GRADED[2]))
    chances = [p_above_guessing(one, sides.asked) for _, one in sides.both]
    p = None if None in chances else max(one for one in chances if one is not None)
    return _Looked(sides.asked, figures, findings, sides.target.facts.harness.name, p)


def _judged(looked: Sequence[_Looked], policy: Policy) -> tuple[TaskVerdict, ...]:
    tested = {
        one.asked.name: (one.figures.p_damage, one.figures.p_gain)
        for one in looked
        if not one.weighs("invalid") and one.figures.p_damage is not None and one.figures.p_gain is not None
    }
    both = adjusted([damage for damage, _ in tested.values()], [gain for _, gain in tested.values()])
    by_name = dict(zip(tested, zip(*both, strict=True), strict=True))
    return tuple(_task(one, policy, by_name.get(one.asked.name)) for one in looked)


def _task(one: _Looked, policy: Policy, p_adjusted: tuple[float, float] | None) -> TaskVerdict:
    asked, figures = one.asked, one.figures
    decision = _decide(one, policy, p_adjusted or (1.0, 1.0))
    task = TaskVerdict(
        task=asked.name,
        tier=asked.tier,
        decision=decision,
        items=figures.items,
        items_available=asked.own.dataset.items_available if asked.own else None,
        scored=figures.scored,
        evidence=figures.evidence,
        metric=asked.metric,
        scale=asked.scale,
        margin=asked.margin,
        reference_score=figures.reference,
        target_score=figures.target,
        difference=figures.difference,
        worst=figures.worst,
        interval=figures.interval,
        confidence=_confidence(policy),
        lost=figures.lost,
        gained=figures.gained,
        p_margin=figures.p_margin,
        p_damage=figures.p_damage,
        p_damage_adjusted=p_adjusted[0] if p_adjusted else None,
        p_gain_adjusted=p_adjusted[1] if p_adjusted else None,
        chance=asked.chance,
        p_above_chance=one.p_above_chance,
        items_needed=_needed(one, policy) if decision == "INCONCLUSIVE" else None,
        repeats=figures.noise.repeats if figures.noise else None,
        repeats_share=figures.noise.share_of_repeats if figures.noise else None,
        repeats_needed=_repeats_needed(one, policy) if decision == "INCONCLUSIVE" else None,
        findings=one.findings,
        reason="-",
    )
    return task.model_copy(update={"reason": task_words(task)})


def _decide(one: _Looked, policy: Policy, p_adjusted: tuple[float, float]) -> TaskDecision:
    """Of aggregates nothing but INVALID and INCONCLUSIVE can be said."""
    figures = one.figures
    if one.weighs("invalid"):
        return "INVALID"
    if figures.interval is None or figures.difference is None or figures.p_margin is None:
        return "INCONCLUSIVE"
    return judge(
        Measured(
            difference=figures.difference,
            interval=figures.interval,
            p_margin=figures.p_margin,
            p_damage=p_adjusted[0],
            p_gain=p_adjusted[1],
            is_held=one.weighs("hold"),
        ),
        Limits(
            margin=one.asked.margin,
            min_effect=policy.min_effect_pt / 100,
            levels=Levels(passing=policy.alpha, warning=policy.alpha),
        ),
    )


def _needed(one: _Looked, policy: Policy) -> int | None:
    """Items that would decide; None where those there are show enough, or more are no help."""
    figures = one.figures
    if figures.p_margin is None or figures.difference is None or figures.p_margin <= policy.alpha:
        return None
    return items_that_decide(
        items=figures.items,
        difference=figures.difference,
        flip_rate=figures.variance,
        margin=one.asked.margin,
        alpha=policy.alpha,
    )


def _repeats_needed(one: _Looked, policy: Policy) -> int | None:
    """Answers or judgements of each item that would decide, if the sides are equal; None where they are no help."""
    from flagrelease.gate.statistics.judged import repeats_needed  # noqa: PLC0415 - loads numpy

    noise, p_margin = one.figures.noise, one.figures.p_margin
    if noise is None or p_margin is None or p_margin <= policy.alpha:
        return None
    wanted = repeats_needed(noise, margin=one.asked.margin, alpha=policy.alpha)
    return wanted if wanted is not None and wanted > noise.repeats else None


def _own_table(tasks: Sequence[TaskVerdict], subject: Subject) -> Table:
    rows = {
        task.task: (task.reference_score, task.target_score)
        for task in tasks
        if task.reference_score is not None and task.target_score is not None
    }
    return Table(title="this comparison", chip=subject.chip, model=subject.model, rows=rows)


def _confidence(policy: Policy) -> float:
    """Two-sided, so that each bound is at the policy's one-sided level."""
    return 1 - 2 * policy.alpha
