"""The gate's verdict: non-inferiority within margins that were fixed before any result was seen.

A task passes only when it is shown that it is not worse than the margin: "no significant difference" passes nothing.
All critical tasks must pass, each at the policy's level (an intersection-union test needs no correction); the search
for damage, and for gains that cannot be, in any task is corrected by Holm. `statistics/rule.py` has the levels and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Policy, Task
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Decision, Finding, TaskDecision, TaskVerdict, Verdict
from flagrelease.gate.integrity import check_integrity, side_p_above_chance
from flagrelease.gate.pairs import Pairs, pair
from flagrelease.gate.statistics.paired_binary import p_damage, tango_interval
from flagrelease.gate.statistics.rule import Levels, Limits, Measured, adjusted, judge
from flagrelease.gate.statistics.sample_size import items_that_decide
from flagrelease.gate.words import bundle_reason, task_reason

_BAD: tuple[TaskDecision, ...] = ("FAIL", "INVALID", "ANOMALY")


@dataclass(frozen=True, slots=True)
class _Measured:
    """One task before tests are corrected for their number."""

    name: str
    task: Task
    target: EvalRun
    pairs: Pairs
    interval: tuple[float, float]
    p_margin: float
    p_damage: float
    p_gain: float
    p_above_chance: float
    findings: tuple[Finding, ...]

    @property
    def is_invalid(self) -> bool:
        return any(finding.weight == "invalid" for finding in self.findings)


def decide(
    policy: Policy, policy_sha256: str, image: Digest, reference: Sequence[EvalRun], target: Sequence[EvalRun]
) -> Verdict:
    """Judge the image by every task of the policy.

    `policy_sha256` is the hash that was in the lock; `reference` and `target` hold one record a task. A policy task
    that either side has no record of is NO-GO, as is a policy without a critical task.
    """
    measured, lacking = [], []
    for name in policy.tasks:
        before = [run for run in reference if run.task == name]
        after = [run for run in target if run.task == name]
        if before and after:
            measured.append(_measure(name, policy, image, before=before, after=after))
        else:
            lacking.append((name, "target" if before else "reference" if after else "reference and target"))
    # Only records of single items decide here; a harness's records are not read yet.
    lacking += [(name, "reference and target") for name in policy.harness_tasks]
    tasks = _verdicts(measured, policy)
    decision, reasons = _bundle(policy, tasks, lacking)
    unasked = sorted({run.task for run in (*reference, *target)} - policy.tasks.keys())
    reasons += tuple(f"{name}: the policy does not ask for it, its records are not used" for name in unasked)
    return Verdict(image=image, decision=decision, reasons=reasons, policy_sha256=policy_sha256, tasks=tasks)


def _measure(
    name: str, policy: Policy, image: Digest, *, before: Sequence[EvalRun], after: Sequence[EvalRun]
) -> _Measured:
    from flagrelease.gate.statistics.exact_margin import p_worse_by_margin  # noqa: PLC0415 - loads scipy

    task, reference, target = policy.tasks[name], before[0], after[0]
    pairs = pair(reference, target, selected=task.selection.count)
    return _Measured(
        name=name,
        task=task,
        target=target,
        pairs=pairs,
        interval=tango_interval(
            lost=pairs.lost, gained=pairs.gained, items=pairs.items, confidence=_confidence(policy)
        ),
        p_margin=p_worse_by_margin(
            lost=pairs.lost, gained=pairs.gained, items=pairs.items, margin=task.margin_pt / 100
        ),
        p_damage=p_damage(lost=pairs.lost, gained=pairs.gained),
        # A gain is a loss of the other side.
        p_gain=p_damage(lost=pairs.gained, gained=pairs.lost),
        p_above_chance=max(side_p_above_chance(side, task) for side in (reference, target)),
        findings=(
            *_several("reference", before),
            *_several("target", after),
            *check_integrity(reference, target, task, name=name, policy=policy, image=image),
        ),
    )


def _several(side: str, runs: Sequence[EvalRun]) -> tuple[Finding, ...]:
    """Choosing among runs after seeing them would be running until it passes."""
    if len(runs) == 1:
        return ()
    text = f"the {side} holds {len(runs)} records of the task; which one counts cannot be chosen afterwards"
    return (Finding(id=f"{side}-several-records", weight="invalid", text=text),)


def _verdicts(measured: Sequence[_Measured], policy: Policy) -> tuple[TaskVerdict, ...]:
    valid = [one for one in measured if not one.is_invalid]
    both = adjusted([one.p_damage for one in valid], [one.p_gain for one in valid])
    known = {one.name: pair for one, pair in zip(valid, zip(*both, strict=True), strict=True)}
    return tuple(_verdict(one, policy, *known.get(one.name, (1.0, 1.0))) for one in measured)


def _verdict(one: _Measured, policy: Policy, p_damage_adjusted: float, p_gain_adjusted: float) -> TaskVerdict:
    decision = judge(
        Measured(
            difference=one.pairs.difference,
            interval=one.interval,
            p_margin=one.p_margin,
            p_damage=p_damage_adjusted,
            p_gain=p_gain_adjusted,
            is_valid=not one.is_invalid,
            is_held=any(finding.weight == "hold" for finding in one.findings),
        ),
        Limits(
            margin=one.task.margin_pt / 100,
            min_effect=policy.min_effect_pt / 100,
            levels=Levels(passing=policy.alpha, warning=policy.alpha),
        ),
    )
    return TaskVerdict(
        task=one.name,
        tier=one.task.tier,
        decision=decision,
        items=one.pairs.items,
        items_available=one.target.dataset.items_available,
        metric=one.task.metric,
        scale=one.task.scale,
        reference_score=one.pairs.reference_score,
        target_score=one.pairs.target_score,
        difference=one.pairs.difference,
        interval=one.interval,
        confidence=_confidence(policy),
        lost=one.pairs.lost,
        gained=one.pairs.gained,
        margin=one.task.margin_pt / 100,
        p_margin=one.p_margin,
        p_damage=one.p_damage,
        p_damage_adjusted=p_damage_adjusted,
        p_gain_adjusted=p_gain_adjusted,
        chance=one.task.chance,
        p_above_chance=one.p_above_chance,
        items_needed=_items_needed(one, policy) if decision == "INCONCLUSIVE" else None,
        findings=one.findings,
    )


def _items_needed(one: _Measured, policy: Policy) -> int | None:
    """Items that would decide; None where those there are show enough, or more are no help."""
    if one.p_margin <= policy.alpha:
        return None
    return items_that_decide(
        items=one.pairs.items,
        difference=one.pairs.difference,
        flip_rate=one.pairs.flip_rate,
        margin=one.task.margin_pt / 100,
        alpha=policy.alpha,
    )


def _bundle(
    policy: Policy, tasks: Sequence[TaskVerdict], lacking: Sequence[tuple[str, str]]
) -> tuple[Decision, tuple[str, ...]]:
    critical = [task for task in tasks if task.tier == "critical"]
    supporting = [task for task in tasks if task.tier == "supporting"]
    bad = [task for task in supporting if task.decision in _BAD]
    no_go = [f"{name}: the policy asks for it and there is no record of the {side}" for name, side in lacking]
    tiers = {*(task.tier for task in policy.tasks.values()), *(task.tier for task in policy.harness_tasks.values())}
    if "critical" not in tiers:
        no_go.append("the policy has no critical task, so nothing could speak for the bundle")
    no_go += [task_reason(task) for task in critical if task.decision in _BAD]
    if len(bad) > 1:
        no_go += [task_reason(task) for task in bad]
    hold = [task_reason(task) for task in critical if task.decision == "INCONCLUSIVE"]
    if len(bad) == 1:
        hold.append(task_reason(bad[0]))
    decision: Decision = "NO-GO" if no_go else "HOLD" if hold else "GO"
    told = {*no_go, *hold}
    rest = [reason for reason in map(task_reason, tasks) if reason not in told]
    return decision, (bundle_reason(decision, tasks), *no_go, *hold, *rest)


def _confidence(policy: Policy) -> float:
    """Two-sided, so that each bound is at the policy's one-sided level."""
    return 1 - 2 * policy.alpha
