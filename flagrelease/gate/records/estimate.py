"""The figures of one task from both sides' records, over all its items: what has no answer is wrong."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flagrelease.domain.answers import Answers
from flagrelease.gate.paired import p_damage, tango_interval
from flagrelease.gate.records.check import Sides
from flagrelease.gate.records.whole import lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Shares. `interval`, flips and `p_damage` are there for right-or-wrong answers of one run only."""

    evidence: Literal["paired", "graded", "aggregate"]
    items: int
    reference: float | None = None
    target: float | None = None
    worst: float | None = None
    interval: tuple[float, float] | None = None
    lost: int | None = None
    gained: int | None = None
    p_damage: float | None = None

    @property
    def difference(self) -> float | None:
        """Target − reference."""
        if self.lost is not None and self.gained is not None:
            return (self.gained - self.lost) / self.items
        return None if self.reference is None or self.target is None else self.target - self.reference

    @property
    def flip_rate(self) -> float:
        """Share of items whose answer is right on one side only."""
        return ((self.lost or 0) + (self.gained or 0)) / self.items


def estimate(sides: Sides, confidence: float) -> Estimate:
    """Paired where both sides have items that are right or wrong, else what there is."""
    before, after = sides.reference.answers, sides.target.answers
    if before is None or after is None:
        return Estimate(
            evidence="aggregate", items=sides.asked.items, reference=_stated(sides, 0), target=_stated(sides, 1)
        )
    reference, target = means(before), means(after)
    items = max(sides.asked.items, len(reference.keys() | target.keys()))
    scores = [math.fsum(side.values()) / items for side in (reference, target)]
    worst = scores[1] - min(1.0, scores[0] + lacking(sides.reference, items) / items)
    both_binary = before.is_binary and after.is_binary and not any(before.repeats) and not any(after.repeats)
    if not both_binary:
        return Estimate(evidence="graded", items=items, reference=scores[0], target=scores[1], worst=worst)
    lost = sum(1 for item, score in reference.items() if score == 1 and target.get(item, 0) == 0)
    gained = sum(1 for item, score in target.items() if score == 1 and reference.get(item, 0) == 0)
    return Estimate(
        evidence="paired",
        items=items,
        reference=scores[0],
        target=scores[1],
        worst=worst,
        interval=tango_interval(lost=lost, gained=gained, items=items, confidence=confidence),
        lost=lost,
        gained=gained,
        p_damage=p_damage(lost=lost, gained=gained),
    )


def means(answers: Answers) -> Mapping[str, float]:
    """Each item's score, averaged over its runs."""
    if not any(answers.repeats):
        return dict(zip(answers.ids, answers.scores, strict=True))
    sums: dict[str, list[float]] = {}
    for item, score in zip(answers.ids, answers.scores, strict=True):
        sums.setdefault(item, []).append(score)
    return {item: math.fsum(scores) / len(scores) for item, scores in sums.items()}


def _stated(sides: Sides, which: int) -> float | None:
    """A side's headline as a share; its items' mean where it has some and no headline."""
    record = sides.both[which][1]
    headline = record.facts.headline
    if record.answers is not None:
        return math.fsum(means(record.answers).values()) / sides.asked.items
    if headline is not None and headline.right is not None and headline.items:
        return headline.right / headline.items
    return None if headline is None else headline.score / (record.facts.scale or sides.asked.scale)
