"""The verdict in sentences. Figures are in points: hundredths of the share of right answers."""

from collections.abc import Sequence

from flagrelease.domain.verdict import Decision, TaskVerdict
from flagrelease.gate.phrases import decided, not_shown, points, shortened, signed


def task_reason(task: TaskVerdict) -> str:
    """One task: its decision, its figures, and why."""
    low, high = task.interval
    figures = (
        f"{task.task} ({task.tier}): {task.decision}: {points(task.target_score)} points against "
        f"{points(task.reference_score)} of the reference over {task.items} items, difference "
        f"{signed(task.difference)} [{signed(low)}, {signed(high)}] at {100 * task.confidence:g} %, "
        f"{task.lost} lost and {task.gained} gained; {_why(task)}"
    )
    return shortened(figures)


def bundle_reason(decision: Decision, tasks: Sequence[TaskVerdict]) -> str:
    """What the decision means for the bundle."""
    critical = [task for task in tasks if task.tier == "critical"]
    passed = sum(task.decision in ("PASS", "PASS_WARN") for task in critical)
    shown = f"{passed} of {len(critical)} critical tasks passed"
    match decision:
        case "GO":
            return f"GO: {shown}"
        case "HOLD":
            return f"HOLD: the evidence does not decide; {shown}"
        case "NO-GO":
            return f"NO-GO: the bundle is not shown to answer as well as its reference; {shown}, of those with a result"


def _why(task: TaskVerdict) -> str:
    if task.decision == "INVALID":
        return _findings(task, "invalid")
    if task.decision != "INCONCLUSIVE":
        return decided(task.decision, margin=task.margin, interval=task.interval, p_damage=task.p_damage_adjusted)
    # A finding does not make the items enough.
    too_few = not_shown(
        margin=task.margin,
        interval=task.interval,
        confidence=task.confidence,
        p_margin=task.p_margin,
        p_damage=task.p_damage_adjusted,
        items_needed=task.items_needed,
    )
    if too_few and task.items_needed is not None:
        too_few += f", {task.items_available:,} are available"
    return "; ".join(filter(None, (_findings(task, "hold"), too_few)))


def _findings(task: TaskVerdict, weight: str) -> str:
    return "; ".join(finding.text for finding in task.findings if finding.weight == weight)
