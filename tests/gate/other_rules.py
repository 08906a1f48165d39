"""What rules that others use let through, on the same simulated runs as this gate.

`python -m tests.gate.other_rules` prints the tables of docs/statistics.md: the share of runs that each rule releases,
by how many points the target is truly worse.
"""

import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri  # type: ignore[import-untyped]

from flagrelease.gate.statistics.rule import Levels
from flagrelease.gate.statistics.thrift import thrifty_plan
from tests.gate.statistics.simulate import Runs, draw, fails, passes, walk

DRAWS = 100_000
DROPS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
CELLS = (
    (50, 0.25, 0.05),
    (198, 0.25, 0.05),
    (600, 0.10, 0.04),
    (900, 0.07, 0.035),
    (900, 0.10, 0.035),
    (1730, 0.10, 0.025),
    (3040, 0.10, 0.02),
    (50, 0.25, 0.05),
)
"""Items, share of flips, this gate's margin."""

Flags = NDArray[np.bool_]
LEVELS = Levels()
TASKS = 9


class Scores(Protocol):
    """Both sides' scores, one a run: all that a rule without items looks at."""

    @property
    def items(self) -> int: ...
    @property
    def reference(self) -> NDArray[np.float64]: ...
    @property
    def target(self) -> NDArray[np.float64]: ...
    @property
    def difference(self) -> NDArray[np.float64]: ...


def five_points(runs: Scores, _: float) -> Flags:
    """What FlagRelease's cards call no significant difference."""
    return runs.difference >= -0.05


def two_percent(runs: Scores, _: float) -> Flags:
    return runs.target >= 0.98 * runs.reference


def mlperf(runs: Scores, _: float) -> Flags:
    return runs.target >= 0.99 * runs.reference


def vllm(runs: Scores, _: float) -> Flags:
    """vLLM's harness tests: the measured value is at least the expected one less 8 % of it."""
    return runs.target >= 0.92 * runs.reference


def vllm_ascend(runs: Scores, _: float) -> Flags:
    """vllm-ascend's: within 5 % of the expected value to both sides."""
    found: Flags = np.abs(runs.difference) <= 0.05 * runs.reference
    return found


def no_significant_difference(runs: Scores, _: float) -> Flags:
    """Two-sided z test of two harness results with their standard errors: released when p > .05."""
    variance = (runs.reference * (1 - runs.reference) + runs.target * (1 - runs.target)) / runs.items
    found: Flags = np.abs(runs.difference) <= float(ndtri(0.975)) * np.sqrt(variance)
    return found


def one_sided_hypothesis(runs: Scores, _: float) -> Flags:
    """TensorRT-LLM's threshold: σ 50 points, α .05."""
    found: Flags = runs.difference >= float(ndtri(0.05)) * 0.5 * np.sqrt(2 / runs.items)
    return found


def blocked_when_damaged(runs: Runs, margin: float) -> Flags:
    """Released unless McNemar's p is below .05 and the difference beyond the margin, as paired comparers do."""
    return ~fails(runs, margin=margin, level=0.05)


def this_gate(runs: Runs, margin: float) -> Flags:
    return passes(runs, margin=margin, levels=LEVELS)


RULES: dict[str, Callable[[Runs, float], Flags]] = {
    "drop ≤ 5 points": five_points,
    "drop ≤ 2 % of the reference": two_percent,
    "MLPerf: ≥ 99 % of the reference": mlperf,
    "vLLM: relative drop ≤ 8 %": vllm,
    "vllm-ascend: within 5 % of it, both ways": vllm_ascend,
    "z test: p > .05": no_significant_difference,
    "TensorRT-LLM: α .05, σ 50": one_sided_hypothesis,
    "blocked at McNemar p < .05 beyond the margin": blocked_when_damaged,
    "**this gate**": this_gate,
}


def table(items: int, flip_rate: float, margin: float, rng: np.random.Generator, *, draws: int = DRAWS) -> list[str]:
    """Markdown: one row a rule, one column a true drop, and one for a drop of just the margin."""
    drops = sorted({*DROPS, margin})
    heads = [f"−{100 * drop:g}" if drop else "0" for drop in drops]
    runs = [draw(items=items, flip_rate=flip_rate, drop=drop, rng=rng, draws=draws) for drop in drops]
    lines = [
        f"n = {items:,}, {100 * flip_rate:g} % flips, this gate's margin {100 * margin:g} points:",
        "",
        f"| released, % | {' | '.join(heads)} |",
        f"|---|{'--:|' * len(heads)}",
    ]
    for name, rule in RULES.items():
        lines.append(_row(name, [float(rule(one, margin).mean()) for one in runs]))
    plan = thrifty_plan(
        items=items, margin=margin, alpha=LEVELS.passing, failing=LEVELS.failing / TASKS, flip_rate=flip_rate
    )
    walks = [walk(plan, flip_rate=flip_rate, drop=drop, rng=rng, draws=draws) for drop in drops]
    lines.append(_row("**this gate**, at planned looks", [float(one.passed.mean()) for one in walks]))
    lines.append(_row("items used by it, %", [float(one.used.mean()) / items for one in walks]))
    return lines


def _row(name: str, shares: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def main() -> None:
    rng = np.random.default_rng(2024)
    for cell in CELLS:
        sys.stdout.write("\n".join(table(*cell, rng)) + "\n\n")


if __name__ == "__main__":
    main()
