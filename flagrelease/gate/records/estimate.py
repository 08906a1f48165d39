"""The figures of one task from both sides' records, over all its items: what has no answer is wrong."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from flagrelease.domain.answers import Answers
from flagrelease.gate.records.check import Sides
from flagrelease.gate.records.whole import lacking
from flagrelease.gate.statistics.aggregates import Score, miettinen_nurminen_interval
from flagrelease.gate.statistics.paired_binary import p_damage, tango_interval

if TYPE_CHECKING:
    from flagrelease.gate.statistics.judged import JudgeNoise


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Shares. Flips are there for right-or-wrong answers of one run only; p values for whatever has items.

    `p_margin` is of the hypothesis that the target is worse by the margin or more. The interval of aggregates is that
    of two independent proportions, and decides nothing.
    """

    evidence: Literal["paired", "graded", "aggregate"]
    items: int
    scored: tuple[int, int] | None = None
    reference: float | None = None
    target: float | None = None
    worst: float | None = None
    stated: float | None = None
    interval: tuple[float, float] | None = None
    lost: int | None = None
    gained: int | None = None
    p_margin: float | None = None
    p_damage: float | None = None
    p_gain: float | None = None
    noise: "JudgeNoise | None" = None

    @property
    def difference(self) -> float | None:
        """Target − reference."""
        if self.stated is not None:
            return self.stated
        if self.lost is not None and self.gained is not None:
            return (self.gained - self.lost) / self.items
        return None if self.reference is None or self.target is None else self.target - self.reference

    stderr: float | None = None

    @property
    def variance(self) -> float:
        """Of an item's difference: for right or wrong answers, the share that is right on one side only."""
        if self.stderr is not None:
            return self.items * self.stderr**2
        return ((self.lost or 0) + (self.gained or 0)) / self.items


def estimate(sides: Sides, confidence: float) -> Estimate:
    """Paired where both sides have items that are right or wrong, else what there is."""
    from flagrelease.gate.statistics.exact_margin import p_worse_by_margin  # noqa: PLC0415 - loads scipy

    before, after = sides.reference.answers, sides.target.answers
    if before is None or after is None:
        return _aggregate(sides, confidence)
    reference, target = means(before), means(after)
    items = max(sides.asked.items, len(reference.keys() | target.keys()))
    scores = [math.fsum(side.values()) / items for side in (reference, target)]
    lack = [lacking(one, items) for _, one in sides.both]
    scored = (items - lack[0], items - lack[1])
    worst = scores[1] - min(1.0, scores[0] + lack[0] / items)
    both_binary = before.is_binary and after.is_binary and not any(before.repeats) and not any(after.repeats)
    if not both_binary:
        graded = Estimate(evidence="graded", items=items, scored=scored, reference=scores[0], target=scores[1])
        return _graded(replace(graded, worst=worst), sides, (reference, target), confidence)
    lost = sum(1 for item, score in reference.items() if score == 1 and target.get(item, 0) == 0)
    gained = sum(1 for item, score in target.items() if score == 1 and reference.get(item, 0) == 0)
    return Estimate(
        evidence="paired",
        items=items,
        scored=scored,
        reference=scores[0],
        target=scores[1],
        worst=worst,
        interval=tango_interval(lost=lost, gained=gained, items=items, confidence=confidence),
        lost=lost,
        gained=gained,
        p_margin=p_worse_by_margin(lost=lost, gained=gained, items=items, margin=sides.asked.margin),
        p_damage=p_damage(lost=lost, gained=gained),
        p_gain=p_damage(lost=gained, gained=lost),
    )


def _graded(
    known: Estimate, sides: Sides, means: tuple[Mapping[str, float], Mapping[str, float]], confidence: float
) -> Estimate:
    """With the mean of the items' differences; robust to clusters where a side names them. As it is with one alone."""
    from flagrelease.gate.statistics.means import mean_difference, mean_not_worse  # noqa: PLC0415 - loads scipy
    from flagrelease.gate.statistics.sign_flip import sign_flip  # noqa: PLC0415 - the same

    reference, target = means
    ids = sorted(reference.keys() | target.keys())
    # What neither side has an answer to is wrong on both.
    differences = [target.get(item, 0.0) - reference.get(item, 0.0) for item in ids]
    differences += [0.0] * (known.items - len(ids))
    clusters = _clusters(sides, ids, known.items)
    if len(set(clusters or range(len(differences)))) < 2:  # noqa: PLR2004 - one alone has no variance
        return known
    found = mean_difference(differences, confidence=confidence, clusters=clusters)
    flips = sign_flip(differences, clusters=clusters)
    return replace(
        known,
        noise=_noise(sides),
        interval=found.interval,
        stderr=found.stderr,
        p_margin=mean_not_worse(found, margin=sides.asked.margin),
        p_damage=flips.p_damage,
        p_gain=flips.p_gain,
    )


def _noise(sides: Sides) -> "JudgeNoise | None":
    """How much of the variance is that of asking or judging again; None where it cannot be told apart."""
    from flagrelease.gate.statistics.judged import judge_noise  # noqa: PLC0415 - loads numpy

    rows = [_repeated(answers) for answers in (sides.reference.answers, sides.target.answers) if answers]
    common = sorted(set.intersection(*map(set, rows)))
    counts = [{len(side[item]) for item in common} for side in rows]
    if len(common) < 2 or any(len(count) != 1 or count == {1} for count in counts):  # noqa: PLR2004 - a variance
        return None
    return judge_noise(*([side[item] for item in common] for side in rows))


def _repeated(answers: Answers) -> dict[str, list[float]]:
    """Each item's scores, run by run."""
    found: dict[str, list[float]] = {}
    for item, score in zip(answers.ids, answers.scores, strict=True):
        found.setdefault(item, []).append(score)
    return found


def _clusters(sides: Sides, ids: Sequence[str], items: int) -> list[str] | None:
    """A name for each item; its own where no side says to which group it belongs."""
    named: dict[str, str] = {}
    for answers in (sides.reference.answers, sides.target.answers):
        for item, cluster in zip(answers.ids, answers.clusters, strict=True) if answers else ():
            if cluster:
                named.setdefault(item, cluster)
    if not named:
        return None
    alone = [f"item {item}" for item in ids]
    return [
        *(f"cluster {named[item]}" if item in named else own for item, own in zip(ids, alone, strict=True)),
        *(f"missing {number}" for number in range(items - len(ids))),
    ]


def _aggregate(sides: Sides, confidence: float) -> Estimate:
    if (stated := _difference(sides)) is not None:
        return _of_difference(sides, stated, confidence)
    items, scores = sides.asked.items, (_stated(sides, 0), _stated(sides, 1))
    reference, target = scores
    interval = None
    if reference is not None and target is not None and 0 <= reference <= 1 and 0 <= target <= 1:
        before, after = (Score(right=score * items, items=items) for score in (reference, target))
        # A score between 0 and 1 varies at most as much as one of right and wrong answers.
        interval = miettinen_nurminen_interval(before, after, confidence=confidence)
    return Estimate(evidence="aggregate", items=items, reference=reference, target=target, interval=interval)


def _difference(sides: Sides) -> float | None:
    """The difference where nothing but that is stated, as a share; a loss where it has no sign."""
    for _, one in sides.both:
        if (stated := one.facts.difference) is not None:
            share = stated.score / (one.facts.scale or sides.asked.scale)
            return share if stated.is_signed else -abs(share)
    return None


def _of_difference(sides: Sides, difference: float, confidence: float) -> Estimate:
    """With the widest interval that two independent scores so far apart may have: that of scores around one half."""
    items, interval = sides.asked.items, None
    if -1 <= difference <= 1:
        before, after = (Score(right=(0.5 + half) * items, items=items) for half in (-difference / 2, difference / 2))
        interval = miettinen_nurminen_interval(before, after, confidence=confidence)
    return Estimate(evidence="aggregate", items=items, stated=difference, interval=interval)


def means(answers: Answers) -> Mapping[str, float]:
    """Each item's score, averaged over its runs."""
    if not any(answers.repeats):
        return dict(zip(answers.ids, answers.scores, strict=True))
    return {item: math.fsum(scores) / len(scores) for item, scores in _repeated(answers).items()}


def _stated(sides: Sides, which: int) -> float | None:
    """A side's headline as a share; its items' mean where it has some and no headline."""
    record = sides.both[which][1]
    headline = record.facts.headline
    if record.answers is not None:
        return math.fsum(means(record.answers).values()) / sides.asked.items
    if headline is not None and headline.right is not None and headline.items:
        return headline.right / headline.items
    return None if headline is None else headline.score / (record.facts.scale or sides.asked.scale)
