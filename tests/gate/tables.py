"""The tables of docs/statistics.md that are counted, not simulated.

`python -m tests.gate.tables` prints them, `python -m tests.gate.tables cells` what planned looks save over every cell
(minutes); `tests.gate.other_rules` prints the tables that compare rules.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import yaml

from flagrelease.domain.gate import Policy
from flagrelease.gate.statistics.exact_margin import chance_of_at_least, fewest_gained, passing_z, worst_chance
from flagrelease.gate.statistics.margins import ENOUGH, margin_for
from flagrelease.gate.statistics.paths import count_paths
from flagrelease.gate.statistics.policy_power import DROPS, PlannedTask, consumer_risk, curve
from flagrelease.gate.statistics.power import Setting, task_chances
from flagrelease.gate.statistics.rule import Levels, Limits
from flagrelease.gate.statistics.sample_size import repeats_for_margin
from flagrelease.gate.statistics.thrift import HALF, thrifty_plan

GATES = Path(__file__).parents[2] / "recipes" / "gates"
LEVELS = Levels()
TASKS = 9
Z95 = 1.6448536269514722
SIZES = (
    198,
    300,
    400,
    450,
    517,
    541,
    600,
    650,
    700,
    765,
    800,
    900,
    1000,
    1319,
    1500,
    1730,
    1901,
    2700,
    3040,
    5000,
    12032,
)
SAVINGS = (
    (400, 0.05, 0.045), (600, 0.05, 0.04), (600, 0.10, 0.04), (900, 0.05, 0.035), (900, 0.10, 0.035),
    (1000, 0.10, 0.03), (1730, 0.05, 0.025), (1730, 0.10, 0.025), (1730, 0.10, 0.03), (3040, 0.05, 0.02),
    (3040, 0.10, 0.02), (3040, 0.10, 0.03),
)  # fmt: skip


def margins() -> Iterator[str]:
    yield "| items | margin, points | an identical chip passes, % | at 0.5 less, % | repeats for 5 points |"
    yield "|--:|--:|--:|--:|--:|"
    for items in SIZES:
        margin = margin_for(items=items)
        repeats = repeats_for_margin(items=items, flip_rate=0.10, margin=0.05, alpha=0.05, power=0.9)
        if margin is None:
            yield f"| {items:,} | none | {_passes(items, 0.05):.1f} at 5.0 | | {repeats} |"
        else:
            yield (
                f"| {items:,} | {100 * margin:.1f} | {_passes(items, margin):.1f} | "
                f"{_passes(items, margin - 0.005):.1f} | |"
            )


def _passes(items: int, margin: float) -> float:
    return 100 * task_chances(Setting(items=items, limits=Limits(margin=margin), flip_rate=0.1)).passes


def policies() -> Iterator[str]:
    heads = " | ".join(f"−{100 * drop:g}" if drop else "0" for drop in DROPS)
    for name in ("minicpm-o-2.6", "minicpm-o-4.5"):
        policy = Policy.model_validate(yaml.safe_load((GATES / f"{name}.yaml").read_text()))
        yield f"`{name}`; GO / NO-GO in % by the points that every task is worse; the rest is HOLD:"
        yield ""
        yield f"| flips, % | {heads} | GO, % at the margin of one task alone |"
        yield f"|--:|{'--:|' * (len(DROPS) + 1)}"
        for flips in (0.03, 0.07, 0.10, 0.15):
            tasks = [
                PlannedTask(
                    name=task, items=asked.items, margin=asked.margin_pt / 100, flip_rate=flips, tier=asked.tier
                )
                for task, asked in policy.harness_tasks.items()
            ]
            shares = " | ".join(f"{100 * one.go:.1f} / {100 * one.no_go:.1f}" for one in curve(tasks))
            yield f"| {100 * flips:g} | {shares} | {100 * consumer_risk(tasks).go:.1f} |"
        yield ""


def savings() -> Iterator[str]:
    yield (
        "| items | flips, % | margin | full test passes, % | advice to stop below | passes, % | "
        "**items used, %** | worse by the margin: passes, % | items used, % |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for items, flips, margin in SAVINGS:
        fixed = task_chances(Setting(items=items, limits=Limits(margin=margin), flip_rate=flips)).passes
        plan = thrifty_plan(
            items=items, margin=margin, alpha=LEVELS.passing, failing=LEVELS.failing / TASKS, flip_rate=flips
        )
        same, worse = (count_paths(plan, flip_rate=flips, difference=d) for d in (0.0, -margin))
        yield (
            f"| {items:,} | {100 * flips:g} | {100 * margin:.1f} | {100 * fixed:.1f} | {plan.futility:g} | "
            f"{100 * same.passes:.1f} | **{100 * same.share:.0f}** | {100 * worse.passes:.2f} | "
            f"{100 * worse.share:.0f} |"
        )


def levels() -> Iterator[str]:
    yield "| items | margin | Tango's quantile: worst, % | z that is asked | worst, % | at 2, 5, 10, 25 % flips, % |"
    yield "|--:|--:|--:|--:|--:|---|"
    for items, margin in ((198, 0.05), (600, 0.04), (900, 0.02), (900, 0.035), (1730, 0.02), (3040, 0.02)):
        z = passing_z(items=items, margin=margin, alpha=LEVELS.passing)
        needed = fewest_gained(items=items, margin=margin, z=z)
        by_flips = ", ".join(
            f"{100 * chance_of_at_least(needed, items=items, flip_rate=f, difference=-margin):.2f}"
            if f >= margin
            else "–"
            for f in (0.02, 0.05, 0.10, 0.25)
        )
        asked, tango = (100 * worst_chance(items=items, margin=margin, z=one) for one in (z, Z95))
        yield f"| {items:,} | {100 * margin:.1f} | {tango:.2f} | {z:.4f} | {asked:.2f} | {by_flips} |"


def cells() -> Iterator[str]:
    """Over every cell in which the full test passes identical systems at least 90 %."""
    fixed, passes, shares, over = [], [], [], []
    for items in (198, 400, 600, 765, 900, 1730, 3040):
        for flips in (0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.25):
            for margin in (0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05):
                full = task_chances(Setting(items=items, limits=Limits(margin=margin), flip_rate=flips)).passes
                if full < ENOUGH:
                    continue
                plan = thrifty_plan(
                    items=items, margin=margin, alpha=LEVELS.passing, failing=LEVELS.failing / TASKS, flip_rate=flips
                )
                found = count_paths(plan, flip_rate=flips)
                fixed.append(full)
                passes.append(found.passes)
                shares.append(found.share)
                if found.share > HALF:
                    over.append((items * flips, found.share))
    mean_fixed, mean_passes, mean_share = (100 * fmean(values) for values in (fixed, passes, shares))
    yield f"{len(shares)} cells: {mean_share:.1f} % of the items on average, at most half in {len(shares) - len(over)}"
    yield f"passes: {mean_fixed:.1f} % of the full test, {mean_passes:.1f} % at planned looks"
    if over:
        most, worst = max(flips for flips, _ in over), max(share for _, share in over)
        yield f"the others: at most {most:.0f} flips expected, up to {100 * worst:.1f} % of the items"


def main() -> None:
    if sys.argv[1:] == ["cells"]:
        sys.stdout.write("\n".join(cells()) + "\n")
        return
    for title, rows in (
        ("The level at the margin", levels()),
        ("Margins by number of items", margins()),
        ("Policies", policies()),
        ("Planned looks, identical systems", savings()),
    ):
        sys.stdout.write(f"## {title}\n\n" + "\n".join(rows) + "\n\n")


if __name__ == "__main__":
    main()
