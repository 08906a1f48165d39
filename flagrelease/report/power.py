"""What a policy lets through, for people and as data."""

from collections.abc import Sequence
from typing import Any

from flagrelease.gate.statistics.policy_power import PlannedTask, PolicyChances, Risk


def power_text(name: str, tasks: Sequence[PlannedTask], points: Sequence[PolicyChances], risk: Risk | None) -> str:
    """One table for the bundle, one for its tasks."""
    drops = [f"−{-100 * one.difference:g}" if one.difference else "identical" for one in points]
    lines = [f"policy {name}: what becomes of a bundle whose every task is worse by so many points, in %", ""]
    lines.append(_row("", drops))
    for word, of in (("GO", "go"), ("HOLD", "hold"), ("NO-GO", "no_go")):
        lines.append(_row(word, [f"{100 * getattr(one, of):.1f}" for one in points]))
    if risk:
        lines += ["", f"worse by its margin in {risk.task} alone, and nowhere else: GO {100 * risk.go:.1f}"]
    lines += ["", "a task alone passes, in %", ""]
    lines.append(_row("task (items, margin, flips)", drops))
    for number, task in enumerate(tasks):
        facts = f"{task.items:,}, {100 * task.margin:g} points, {100 * task.flip_rate:g} %"
        label = f"{task.name} ({facts}, {task.tier}{f', {task.repeats} repeats' if task.repeats > 1 else ''})"
        lines.append(_row(label, [f"{100 * one.tasks[number].passes:.1f}" for one in points]))
    return "\n".join(lines) + "\n"


def power_data(name: str, tasks: Sequence[PlannedTask], points: Sequence[PolicyChances], risk: Risk | None) -> Any:
    """The same; chances and margins as fractions."""
    return {
        "policy": name,
        "bundle": [
            {"difference": one.difference, "go": one.go, "hold": one.hold, "no_go": one.no_go} for one in points
        ],
        "worst_margin": {"task": risk.task, "go": risk.go, "passes": risk.passes} if risk else None,
        "tasks": [
            {
                "name": task.name,
                "items": task.items,
                "margin": task.margin,
                "flip_rate": task.flip_rate,
                "repeats": task.repeats,
                "tier": task.tier,
                "passes": [one.tasks[number].passes for one in points],
            }
            for number, task in enumerate(tasks)
        ],
    }


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:<64}{''.join(f'{cell:>11}' for cell in cells)}".rstrip()
