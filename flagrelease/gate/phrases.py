"""What verdicts on records of either kind say in the same words. Figures are in points: hundredths."""

from typing import Final

from flagrelease.domain.verdict import TaskDecision

_LONGEST: Final = 2000
"""Characters that a reason may have."""

Interval = tuple[float, float]

HOLD_PAGE: Final = "docs/hold.md"
"""Where it stands what each reason for a HOLD means."""

HOLD_HINT: Final = f"{HOLD_PAGE} says what each reason means and what to run"
"""What a command that ends in HOLD says to do next."""


def points(fraction: float) -> str:
    """A share in points."""
    return f"{100 * fraction:.2f}"


def signed(fraction: float) -> str:
    """A difference in points, rounded without a minus before zero."""
    return f"{round(100 * fraction, 2) + 0.0:+.2f}"


def shortened(text: str) -> str:
    """No longer than a reason may be."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def decided(decision: TaskDecision, *, margin: float, interval: Interval | None, p_damage: float) -> str:
    """Why a task that was decided by its figures was decided so; `p_damage` is adjusted over the tasks."""
    limit, p = points(margin), f"(p {p_damage:.3g})"
    match decision:
        case "PASS":
            return f"the lower bound is above -{limit}"
        case "PASS_WARN":
            return f"the lower bound is above -{limit}, but the loss is real {p}"
        case "FAIL":
            is_clear = interval is not None and interval[1] < -margin
            return f"the {'upper bound is' if is_clear else 'loss is real and the difference'} below -{limit} {p}"
        case "ANOMALY":
            return f"the gain is more than {limit}, so the reference is in doubt and has to be run again"
        case _:
            return ""


def not_shown(
    *, margin: float, interval: Interval, confidence: float, p_margin: float, p_damage: float, items_needed: int | None
) -> str:
    """Why the figures decide nothing, and how many items would; nothing where they do show enough.

    `confidence` is the interval's, two-sided: half of what it leaves is the level at which a task passes.
    """
    if p_margin <= (1 - confidence) / 2:
        return ""
    limit = points(margin)
    if interval[1] < -margin:
        seen = f"the interval is below -{limit}, but chance over all tasks may do that (p {p_damage:.3g})"
    elif interval[0] <= -margin:
        seen = f"the interval reaches past -{limit}"
    else:
        seen = f"worse by {limit}, it would do as well in {100 * p_margin:.2f} % of all cases"
    if items_needed is None:
        return f"{seen} and the difference sits on it, so more items do not decide"
    return f"{seen}; about {items_needed:,} items are needed"
