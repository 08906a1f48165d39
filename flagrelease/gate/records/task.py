"""One task: what both sides' records show of it, and what that means."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Finding, Stop, TaskDecision, TaskVerdict
from flagrelease.gate.records.asked import Asked
from flagrelease.gate.records.check import Sides
from flagrelease.gate.records.checks import GRADED, look, look_at_whole
from flagrelease.gate.records.estimate import Estimate, estimate
from flagrelease.gate.records.looks import decide_at_looks, is_for_looks
from flagrelease.gate.records.prefix import prefix_of
from flagrelease.gate.records.whole import p_above_guessing
from flagrelease.gate.records.words import task_words
from flagrelease.gate.statistics.rule import Levels, Limits, Measured, adjusted, judge
from flagrelease.gate.statistics.sample_size import items_that_decide


@dataclass(frozen=True, slots=True)
class Looked:
    """A task before its p values are corrected for the number of tasks."""

    asked: Asked
    figures: Estimate
    findings: tuple[Finding, ...]
    harness: str
    p_above_chance: float | None
    stop: Stop | None = None

    def weighs(self, weight: str) -> bool:
        """Whether anything of that weight was found."""
        return any(finding.weight == weight for finding in self.findings)


def look_at(sides: Sides, before: tuple[Finding, ...]) -> Looked:
    """All items at once; `before` was found when the records were chosen."""
    figures = estimate(sides, _confidence(sides.policy))
    findings = (*before, *look(sides))
    if figures.evidence == "graded" and figures.interval is None:
        findings = (*findings, Finding(id=GRADED[0], weight="hold", text=GRADED[2]))
    return Looked(sides.asked, figures, findings, sides.target.facts.harness.name, _p_above_chance(sides))


def look_at_first(sides: Sides, before: tuple[Finding, ...], *, every: Sequence[str], tasks: int) -> Looked:
    """At the planned looks of a policy of so many tasks; `every` are all the task's items, where they were given.

    A task that is not of right or wrong answers is looked at once, over all its items.
    """
    if not is_for_looks(sides):
        return look_at(sides, before)
    prefix = prefix_of(sides, every)
    faults = tuple(Finding(id=name, weight="invalid", text=text) for name, text in prefix.faults)
    found = decide_at_looks(sides, prefix, tasks=tasks) if not faults else faults[0]
    if isinstance(found, Finding):
        findings = (*before, *look_at_whole(sides), *(faults or (found,)))
        return Looked(sides.asked, Estimate(evidence="paired", items=sides.asked.items), findings, "", None)
    findings = (*before, *look_at_whole(sides), *look(found.sides))
    harness = sides.target.facts.harness.name
    return Looked(sides.asked, found.figures, findings, harness, _p_above_chance(found.sides), found.stop)


def _p_above_chance(sides: Sides) -> float | None:
    """Of the side that is nearer to a guesser."""
    chances = [p_above_guessing(one, sides.asked) for _, one in sides.both]
    return None if None in chances else max(one for one in chances if one is not None)


def judged(looked: Sequence[Looked], policy: Policy, *, tasks: int | None = None) -> tuple[TaskVerdict, ...]:
    """Each task's verdict. At planned looks each has its part of the levels of a policy of so many `tasks`."""
    tested = {
        one.asked.name: (one.figures.p_damage, one.figures.p_gain)
        for one in looked
        if not one.weighs("invalid") and one.figures.p_damage is not None and one.figures.p_gain is not None
    }
    if tasks is None:
        both = adjusted([damage for damage, _ in tested.values()], [gain for _, gain in tested.values()])
        by_name = dict(zip(tested, zip(*both, strict=True), strict=True))
    else:
        parts = {one.asked.name: tasks * (len(one.stop.looks) if one.stop else 1) for one in looked}
        by_name = {name: (min(1.0, parts[name] * p), min(1.0, parts[name] * q)) for name, (p, q) in tested.items()}
    return tuple(_task(one, policy, by_name.get(one.asked.name)) for one in looked)


def _task(one: Looked, policy: Policy, p_adjusted: tuple[float, float] | None) -> TaskVerdict:
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
        confidence=_confidence(policy) if one.stop is None else round(2 * NormalDist().cdf(one.stop.needed) - 1, 4),
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
        sequential=one.stop,
        findings=one.findings,
        reason="-",
    )
    return task.model_copy(update={"reason": task_words(task)})


def _decide(one: Looked, policy: Policy, p_adjusted: tuple[float, float]) -> TaskDecision:
    """Of aggregates nothing but INVALID and INCONCLUSIVE can be said."""
    figures = one.figures
    if one.weighs("invalid"):
        return "INVALID"
    p_margin = figures.p_margin
    if one.stop is not None:
        # The look's boundary has been held against the score; there is no p of a test that looks once.
        p_margin = 0.0 if one.stop.step == "PASS" else 1.0
    if figures.interval is None or figures.difference is None or p_margin is None:
        return "INCONCLUSIVE"
    return judge(
        Measured(
            difference=figures.difference,
            interval=figures.interval,
            p_margin=p_margin,
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


def _needed(one: Looked, policy: Policy) -> int | None:
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


def _repeats_needed(one: Looked, policy: Policy) -> int | None:
    """Answers or judgements of each item that would decide, if the sides are equal; None where they are no help."""
    from flagrelease.gate.statistics.judged import repeats_needed  # noqa: PLC0415 - loads numpy

    noise, p_margin = one.figures.noise, one.figures.p_margin
    if noise is None or p_margin is None or p_margin <= policy.alpha:
        return None
    wanted = repeats_needed(noise, margin=one.asked.margin, alpha=policy.alpha)
    return wanted if wanted is not None and wanted > noise.repeats else None


def _confidence(policy: Policy) -> float:
    """Two-sided, so that each bound is at the policy's one-sided level."""
    return 1 - 2 * policy.alpha
