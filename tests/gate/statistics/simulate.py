"""Simulated bundles: vectorised draws of flips and the decisions of this gate and of rules that others use."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flagrelease.gate.statistics.exact_margin import fewest_gained, passing_z
from flagrelease.gate.statistics.paths import look_at_once
from flagrelease.gate.statistics.power import fewest_for
from flagrelease.gate.statistics.rule import Levels
from flagrelease.gate.statistics.sequential import Plan

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

DRAWS = 2000
ITEMS = (198, 400, 600, 900, 1730, 3040)
FLIP_RATES = (0.02, 0.05, 0.10, 0.15, 0.25)
DROPS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Draws of one task: how many items both sides have right, and how many each has right alone."""

    items: int
    both: Counts
    lost: Counts
    gained: Counts

    @property
    def difference(self) -> NDArray[np.float64]:
        return (self.gained - self.lost) / self.items

    @property
    def reference(self) -> NDArray[np.float64]:
        return (self.both + self.lost) / self.items

    @property
    def target(self) -> NDArray[np.float64]:
        return (self.both + self.gained) / self.items


def flips_of(*, flip_rate: float, drop: float) -> float:
    """A system that is worse by d flips at least d of its answers."""
    return max(flip_rate, drop)


def draw(
    *, items: int, flip_rate: float, drop: float, rng: np.random.Generator, draws: int = DRAWS, right: float = 0.6
) -> Runs:
    """Runs with this true drop, and a reference that is right with about the share `right`."""
    flips = flips_of(flip_rate=flip_rate, drop=drop)
    lost, gained = (flips + drop) / 2, (flips - drop) / 2
    both = min(max(0.0, right - lost), 1 - flips)
    counts = rng.multinomial(items, [both, lost, gained, 1 - both - flips], size=draws)
    return Runs(items=items, both=counts[:, 0], lost=counts[:, 1], gained=counts[:, 2])


def passes(runs: Runs, *, margin: float, levels: Levels) -> Flags:
    """PASS or PASS_WARN, as `rule.judge` decides, an impossible gain apart."""
    z = passing_z(items=runs.items, margin=margin, alpha=levels.passing)
    found: Flags = runs.gained >= fewest_gained(items=runs.items, margin=margin, z=z)[runs.lost + runs.gained]
    return found


def fails(runs: Runs, *, margin: float, level: float) -> Flags:
    """FAIL at this McNemar level."""
    needed = fewest_for(np.arange(runs.items + 1), level)[runs.lost + runs.gained]
    found: Flags = (runs.lost >= needed) & (runs.lost - runs.gained > margin * runs.items + 1e-9)
    return found


def gains_impossibly(runs: Runs, *, level: float) -> Flags:
    """At least ANOMALY: the gain is real at this McNemar level, however small."""
    needed = fewest_for(np.arange(runs.items + 1), level)[runs.lost + runs.gained]
    found: Flags = runs.gained >= needed
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Walks:
    """Sequential runs of one task: which ended in PASS, which in FAIL, and how many items each used."""

    passed: Flags
    failed: Flags
    used: Counts


def walk(plan: Plan, *, flip_rate: float, drop: float, rng: np.random.Generator, draws: int = DRAWS) -> Walks:
    """`sequential.look` for many runs at once; a run that is advised to stop stops."""
    flips = flips_of(flip_rate=flip_rate, drop=drop)
    shares = [(flips + drop) / 2, (flips - drop) / 2, 1 - flips]
    lost = np.zeros(draws, np.int64)
    gained = np.zeros(draws, np.int64)
    used = np.full(draws, plan.items[-1])
    passed, failed, ended = (np.zeros(draws, np.bool_) for _ in range(3))
    for number, seen in enumerate(plan.items):
        more = rng.multinomial(seen - (plan.items[number - 1] if number else 0), shares, size=draws)
        lost, gained = lost + more[:, 0], gained + more[:, 1]
        steps = look_at_once(plan, number, lost, gained)
        passed |= steps.passes & ~ended
        failed |= steps.fails & ~ended
        ends = (steps.passes | steps.fails | steps.anomaly | steps.futile) & ~ended
        used[ends] = seen
        ended |= ends
    return Walks(passed=passed, failed=failed, used=used)
