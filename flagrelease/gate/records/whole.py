"""Whether each side's answers are all there, and are what its score says."""

import math
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.answers import OK, Answers, Record
from flagrelease.domain.evalrun import Headline
from flagrelease.gate.attainable import attainable
from flagrelease.gate.records.asked import Asked
from flagrelease.gate.records.check import Sides, check, cut, named, points
from flagrelease.gate.statistics.chance import p_above_chance

_DRIFT_NOTED: Final = (0.9, 1.1)
_DRIFT_HELD: Final = (0.8, 1.25)
_TRUNCATION_NOTED: Final = 0.02
_TRUNCATION_HELD: Final = 0.1
_DROPPED: Final = "items were dropped, or runs averaged"


def lacking(record: Record, items: int) -> int:
    """Items of the task that this side has no answer to: missing, refused or failed."""
    answers = record.answers
    if answers is None:
        return 0
    answered = {item for item, status in zip(answers.ids, answers.statuses, strict=True) if status == OK}
    return max(0, items - len(answered))


@check("other-number-of-items", "invalid", "the sides' items are not the task's items, one to one")
def other_number_of_items(sides: Sides) -> Iterator[str]:
    """Missing ones are wrong answers; too many, or other ones on each side, are another task."""
    wanted = sides.asked.items
    # What is asked here records every item that was drawn; a harness may leave out what failed.
    least = wanted if sides.asked.own is not None and not sides.is_part else 0
    ids = [set(one.answers.ids) for _, one in sides.both if one.answers is not None]
    with_items = [both for both in sides.both if both[1].answers is not None]
    for (side, one), own in zip(with_items, ids, strict=True):
        if len(own) > wanted or len(own) < least:
            yield f"the task has {wanted:,} items, the {side}'s files have {len(own):,}"
        stated = one.facts.dataset.items
        if stated is not None and stated != wanted:
            yield f"the task has {wanted:,} items, the {side} says that there are {stated:,}"
    if len(ids) > 1 and max(map(len, ids)) <= wanted < len(ids[0] | ids[1]):
        strange = sorted(ids[1] - ids[0])
        both = len(ids[0] | ids[1])
        yield f"the sides have {both:,} different items of {wanted:,}: {named(strange)} on one side only"


@check("subset", "note", "a part of the benchmark's items was asked")
def subset(sides: Sides) -> Iterator[str]:
    """The score is not that of the whole benchmark."""
    own = sides.asked.own
    if own is not None and own.selection.count < own.dataset.items_available:
        yield (
            f"{own.selection.count:,} of {own.dataset.items_available:,} items were asked, drawn with seed "
            f"{own.selection.seed}"
        )


@check("partial-scores", "invalid", "an item of a task of right or wrong answers is scored in between")
def partial_scores(sides: Sides) -> Iterator[str]:
    """Of what is asked here; a harness's own averages are graded answers."""
    for side, one in sides.both:
        if sides.asked.own is not None and one.answers is not None and not one.answers.is_binary:
            rows = zip(one.answers.ids, one.answers.scores, strict=True)
            between = [item for item, score in rows if score not in (0, 1)]
            yield f"the {side} scores {named(between)} neither right nor wrong"


@check("scored-without-answer", "invalid", "an item of what is asked here has points and no answer")
def scored_without_answer(sides: Sides) -> Iterator[str]:
    """A harness may well give some; they count for nothing and its headline is put right."""
    for side, one in sides.both:
        if sides.asked.own is not None and one.answers is not None and one.answers.struck:
            yield f"the {side} gives {one.answers.struck:g} points to answers that it does not have"


@check("runs-differ", "invalid", "an item was answered more often than another")
def runs_differ(sides: Sides) -> Iterator[str]:
    """Averaging over what happens to be there lets the runs that failed vanish."""
    for side, one in sides.both:
        if one.answers is not None and any(one.answers.repeats):
            counts: dict[str, int] = {}
            for item in one.answers.ids:
                counts[item] = counts.get(item, 0) + 1
            most = max(counts.values())
            if few := [item for item, count in counts.items() if count < most]:
                yield f"the {side} has {most} runs, and fewer of {named(few)}"


@check("too-many-rejects", "invalid", "more items without an answer than the policy allows")
def too_many_rejects(sides: Sides) -> Iterator[str]:
    """That is a broken server, not a low score."""
    allowed, items = sides.policy.max_reject_rate, sides.asked.items
    for side, one in sides.both:
        if (count := lacking(one, items)) > sides.rejects_allowed:
            yield (
                f"the {side} has no answer to {count:,} of {items:,} items ({points(count / items)} points), more than "
                f"the {points(allowed)} points the policy allows: {_told(one.answers)}"
            )


@check("counted-as-wrong", "note", "items without an answer, within what the policy allows")
def counted_as_wrong(sides: Sides) -> Iterator[str]:
    """They are wrong; the worst case is shown beside the difference."""
    items = sides.asked.items
    for side, one in sides.both:
        if 0 < (count := lacking(one, items)) <= sides.rejects_allowed:
            yield f"{count:,} of {items:,} items have no answer on the {side} and count as wrong: {_told(one.answers)}"


def _told(answers: Answers | None) -> str:
    if answers is None:
        return "no items"
    words = {"rejected": "refused", "error": "failed", "judge_error": "not judged"}
    told = [f"{count:,} {word}" for status, word in words.items() if (count := answers.count(status))]  # type: ignore[arg-type]
    return ", ".join([*told, "any others missing"])


@check("headline-differs", "invalid", "the stated score is not what the items give")
def headline_differs(sides: Sides) -> Iterator[str]:
    """Over as many answers as the source says it is a mean of, and rounded as it is written."""
    for side, one in sides.both:
        headline, answers, scale = one.facts.headline, one.answers, one.facts.scale
        if headline is None or scale is None:
            continue
        if answers is None:
            yield from _other_than_counted(side, headline, scale)
            continue
        over = headline.items if headline.items is not None else len(answers)
        if over == 0:
            continue
        found = scale * (math.fsum(answers.scores) + answers.struck) / over
        # Half a unit of the last decimal, and what adding up in another order may do.
        if abs(found - headline.score) > 0.5 * 10.0**-headline.decimals + 1e-9 * scale:
            yield (
                f"the {side} states {headline.score:.{min(headline.decimals, 6)}f} out of {scale}, its "
                f"{over:,} answers give {found:.{min(headline.decimals + 2, 6)}f}"
            )


def _other_than_counted(side: str, headline: Headline, scale: int) -> Iterator[str]:
    """An aggregate that says how many were right of how many."""
    if headline.right is not None and headline.items:
        found = scale * headline.right / headline.items
        if abs(found - headline.score) > 0.5 * 10.0**-headline.decimals + 1e-9 * scale:
            yield (
                f"the {side} states {headline.score:g} out of {scale}, {headline.right:,} of {headline.items:,} give "
                f"{found:.6g}"
            )


def _cannot_be(sides: Sides) -> Iterator[tuple[Record, str]]:
    asked = sides.asked
    if asked.step is None:
        return
    for side, one in sides.both:
        headline, scale = one.facts.headline, one.facts.scale or asked.scale
        if headline is None or not 0 <= headline.score <= scale:
            continue
        items = asked.items if one.answers is None else headline.items or asked.items
        runs = one.facts.repeats if one.answers is None else 1
        possible = items and attainable(
            headline.score, items=items, scale=scale, step=asked.step, repeats=runs, decimals=headline.decimals
        )
        if not possible:
            of = f"{items:,} items" + (f" × {runs} runs" if runs > 1 else "")
            score = f"{headline.score:.{min(headline.decimals, 6)}f} out of {scale}"
            yield one, f"the {side}'s {score} is no number of right answers out of {of}: {_DROPPED}"


@check("unattainable", "invalid", "a score with items that no number of right answers gives")
def unattainable(sides: Sides) -> Iterator[str]:
    """The items are there, so nothing explains it."""
    return (text for one, text in _cannot_be(sides) if one.answers is not None and one.answers.is_binary)


@check("unattainable-aggregate", "hold", "an aggregate that no number of right answers gives")
def unattainable_aggregate(sides: Sides) -> Iterator[str]:
    """GRIM: the card may have averaged runs, or dropped items, and says neither."""
    return (text for one, text in _cannot_be(sides) if one.answers is None)


@check("off-scale", "invalid", "a score that is out of its scale")
def off_scale(sides: Sides) -> Iterator[str]:
    """By the scale that the source or the policy states; it is never guessed from the number."""
    for side, one in sides.both:
        headline, scale = one.facts.headline, one.facts.scale or sides.asked.scale
        if headline is not None and not 0 <= headline.score <= scale:
            yield f"the {side}'s {headline.score:g} is not within 0 and {scale}"


@check("aggregate-only", "hold", "a side has no items, so nothing can be paired")
def aggregate_only(sides: Sides) -> Iterator[str]:
    """Two independent means waste four fifths of what the items know."""
    if any(one.facts.difference is not None for _, one in sides.both):
        return
    if lack := [side for side, one in sides.both if one.answers is None]:
        yield f"no single items of the {' and the '.join(lack)}: an aggregate is shown and decides nothing"


@check("length-drift", "hold", "answers became much shorter or longer")
def length_drift(sides: Sides) -> Iterator[str]:
    """Beyond 0.8 to 1.25 of the reference's tokens."""
    ratio = _length_ratio(sides)
    if ratio is not None and not _DRIFT_HELD[0] <= ratio <= _DRIFT_HELD[1]:
        yield f"the target's answers are {ratio:.2f} times as long as the reference's, in tokens"


@check("length-drift-small", "note", "answers became somewhat shorter or longer")
def length_drift_small(sides: Sides) -> Iterator[str]:
    """Beyond 0.9 to 1.1."""
    ratio = _length_ratio(sides)
    if ratio is None or _DRIFT_NOTED[0] <= ratio <= _DRIFT_NOTED[1]:
        return
    if _DRIFT_HELD[0] <= ratio <= _DRIFT_HELD[1]:
        yield f"the target's answers are {ratio:.2f} times as long as the reference's, in tokens"


def _length_ratio(sides: Sides) -> float | None:
    if not sides.has_items:
        return None
    before, after = (one.answers.mean_tokens if one.answers else None for _, one in sides.both)
    return after / before if before and after is not None else None


@check("truncation-drift", "hold", "many more, or fewer, answers end at the limit of tokens")
def truncation_drift(sides: Sides) -> Iterator[str]:
    """By more than 10 points."""
    shares = _truncated(sides)
    if shares and abs(shares[1] - shares[0]) > _TRUNCATION_HELD:
        yield _cut_off(*shares)


@check("truncation-drift-small", "note", "somewhat more, or fewer, answers end at the limit of tokens")
def truncation_drift_small(sides: Sides) -> Iterator[str]:
    """By more than 2 points."""
    shares = _truncated(sides)
    if shares and _TRUNCATION_NOTED < abs(shares[1] - shares[0]) <= _TRUNCATION_HELD:
        yield _cut_off(*shares)


def _truncated(sides: Sides) -> tuple[float, float] | None:
    before, after = (one.answers.truncated if one.answers else None for _, one in sides.both)
    return None if before is None or after is None else (before, after)


def _cut_off(before: float, after: float) -> str:
    shares = f"{100 * after:.1f} % of the target's answers, {100 * before:.1f} % of the reference's"
    return f"{shares} end at the limit of tokens"


@check("at-chance", "hold", "a side scores no better than a guesser")
def at_chance(sides: Sides) -> Iterator[str]:
    """Then the task shows nothing about it."""
    asked = sides.asked
    for side, one in sides.both:
        p = p_above_guessing(one, asked)
        if p is not None and p >= sides.policy.alpha and one.answers is not None:
            right = math.fsum(one.answers.scores) / max(asked.items, len(one.answers))
            yield (
                f"the {side} scores {points(right)} points where a guesser scores {points(asked.chance)} (p {p:.3g}), "
                "so the task shows nothing about it"
            )


def p_above_guessing(record: Record, asked: Asked) -> float | None:
    """How often a guesser does at least as well as this side over the task's items.

    None where there is nothing to count: no items, graded answers, several runs. A side without a point is at chance
    whatever its answers are.
    """
    answers = record.answers
    if answers is None:
        return None
    right = math.fsum(answers.scores)
    if right == 0:
        return 1.0
    if not answers.is_binary or any(answers.repeats):
        return None
    return p_above_chance(right=int(right), items=max(asked.items, int(right)), chance=asked.chance)


@check("put-right", "note", "what the reader of the harness's files had to put right")
def put_right(sides: Sides) -> Iterator[str]:
    """In the reader's words."""
    for side, one in sides.both:
        yield from (f"{side}: {cut(note)}" for note in one.facts.notes)
