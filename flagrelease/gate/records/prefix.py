"""Which items a side's files hold of a task's fixed order: the first ones, or a choice that shows nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flagrelease.domain.answers import Answers, Record
from flagrelease.gate.records.asked import Asked
from flagrelease.gate.records.check import Sides, named
from flagrelease.gate.statistics.order import fixed_order

TITLES: Final = (
    ("order-unknown", "invalid", "at planned looks: no side has all items, so nothing shows which are the first"),
    ("not-the-order", "invalid", "at planned looks: a side's items are not the first of the fixed order"),
)
"""For the table of checks."""

Orders = Mapping[str, Sequence[str]]
"""Of each task that was named, the ids of all its items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The order, and up to which item both sides' files go; `faults` are ids of checks with what they found."""

    order: tuple[str, ...] = ()
    items: int = 0
    faults: tuple[tuple[str, str], ...] = ()


def prefix_of(sides: Sides, given: Sequence[str]) -> Prefix:
    """How far both sides go in the order of all the task's items, which are `given` or those of the side that has all.

    What a harness dropped for want of an answer may lack inside, as much as the policy allows; the rest is a choice.
    """
    every = _every(sides, given)
    if every is None:
        return Prefix(faults=(("order-unknown", _unknown(sides)),))
    order = fixed_order(every, seed=sides.asked.seed, task=sides.asked.name)
    ranks = {item: rank for rank, item in enumerate(order)}
    ends, faults = [], []
    for side, one in sides.both:
        ids = set(one.answers.ids) if one.answers else set()
        if strange := sorted(ids - ranks.keys()):
            faults.append(("not-the-order", f"the {side} has {named(strange)}, which are none of the task's"))
            continue
        end = max((ranks[item] for item in ids), default=-1) + 1
        lack = [item for item in order[:end] if item not in ids]
        if len(lack) > _allowed(sides):
            text = f"the {side} has {len(ids):,} of {len(order):,} items, and not the first ones of the order"
            faults.append(("not-the-order", f"{text}: {named(lack)} came earlier"))
        ends.append((ids, end))
    items = min((_reached(sides, ids, end, order) for ids, end in ends), default=0)
    return Prefix(order=order, items=items, faults=tuple(faults))


def _reached(sides: Sides, ids: set[str], end: int, order: Sequence[str]) -> int:
    """The end, or as much further as only items without an answer are missing."""
    while end < len(order) and end + 1 - len(ids) <= _allowed(sides):
        end += 1
    return end


def _allowed(sides: Sides) -> float:
    """What is asked here leaves nothing out."""
    return 0.0 if sides.asked.own is not None else sides.rejects_allowed


def _every(sides: Sides, given: Sequence[str]) -> Sequence[str] | None:
    if given:
        return given if len(given) == sides.asked.items else None
    for _, one in sides.both:
        if one.answers is not None and one.answers.items == sides.asked.items:
            return list(dict.fromkeys(one.answers.ids))
    return None


def _unknown(sides: Sides) -> str:
    counts = [f"{one.answers.items if one.answers else 0:,}" for _, one in sides.both]
    return (
        f"the task has {sides.asked.items:,} items, the reference's files {counts[0]} and the target's {counts[1]}: "
        "give one side's whole files, or all items with --order, as `flagrelease gate order --json` writes them"
    )


def first_of(sides: Sides, order: Sequence[str], items: int) -> Sides:
    """Both sides with the first items of the order alone, as a task of so many items.

    The stated score and number of items are of the whole files, and so are left out.
    """
    kept = frozenset(order[:items])
    asked: Asked = replace(sides.asked, items=items)
    reference, target = (_first(one, kept) for _, one in sides.both)
    return replace(sides, asked=asked, reference=reference, target=target, is_part=False, of=len(order))


def _first(record: Record, kept: frozenset[str]) -> Record:
    whole = record.answers
    if whole is None:
        return record
    rows = [row for row, item in enumerate(whole.ids) if item in kept]
    part = Answers(struck=whole.struck)
    for column in (
        "ids",
        "repeats",
        "scores",
        "statuses",
        "finishes",
        "tokens",
        "documents",
        "prompts",
        "said",
        "clusters",
    ):
        values = getattr(whole, column)
        getattr(part, column).extend(values[row] for row in rows)
    dataset = record.facts.dataset.model_copy(update={"items": None})
    return Record(record.facts.model_copy(update={"headline": None, "dataset": dataset}), part)
