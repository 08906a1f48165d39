"""The verdict in sentences. Figures are in points: hundredths of the share of right answers."""

from collections.abc import Sequence
from typing import Final

from flagrelease.domain.verdict import Decision, TaskVerdict

_LONGEST: Final = 2000
"""Characters that a reason may have."""


def task_reason(task: TaskVerdict) -> str:
    """One task: its decision, its figures, and why."""
    low, high = task.interval
    figures = (
        f"{task.task} ({task.tier}): {task.decision}: {_points(task.target_score)} points against "
        f"{_points(task.reference_score)} of the reference over {task.items} items, difference "
        f"{_signed(task.difference)} [{_signed(low)}, {_signed(high)}] at {100 * task.confidence:g} %, "
        f"{task.lost} lost and {task.gained} gained; {_why(task)}"
    )
    return figures if len(figures) <= _LONGEST else f"{figures[: _LONGEST - 1]}…"


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
    margin = _points(task.margin)
    match task.decision:
        case "PASS":
            return f"the lower bound is above -{margin}"
        case "PASS_WARN":
            return f"the lower bound is above -{margin}, but the loss is real (p {task.p_damage_adjusted:.3g})"
        case "FAIL":
            is_clear = task.interval[1] < -task.margin
            loss = "upper bound is" if is_clear else "loss is real and the difference"
            return f"the {loss} below -{margin} (p {task.p_damage_adjusted:.3g})"
        case "ANOMALY":
            return f"the gain is more than {margin}, so the reference is in doubt and has to be run again"
        case "INVALID":
            return _findings(task, "invalid")
        case "INCONCLUSIVE":
            # A finding does not make the items enough.
            too_few = _why_not_decided(task) if task.interval[0] <= -task.margin else ""
            return "; ".join(filter(None, (_findings(task, "hold"), too_few)))


def _why_not_decided(task: TaskVerdict) -> str:
    reached = f"the interval reaches past -{_points(task.margin)}"
    if task.items_needed is None:
        return f"{reached} and the difference sits on it, so more items do not decide"
    enough = f"{reached}; about {task.items_needed} items are needed"
    return f"{enough}, {task.items_available} are available"


def _findings(task: TaskVerdict, weight: str) -> str:
    return "; ".join(finding.text for finding in task.findings if finding.weight == weight)


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _signed(fraction: float) -> str:
    """Rounded without a minus before zero."""
    return f"{round(100 * fraction, 2) + 0.0:+.2f}"
