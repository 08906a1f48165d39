"""Which record of a task counts: there must be one, since choosing afterwards would be running until it passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.verdict import Finding
from flagrelease.gate.records.asked import Asked, answering
from flagrelease.gate.records.check import cut, named

TITLES: Final = (
    ("several-records", "invalid", "a side has several records of a task"),
    ("several-metrics", "invalid", "a side has the task with several filters, and the policy names none"),
    ("scored-twice-differs", "invalid", "the same answers were scored twice, and not equally"),
    ("scored-twice", "note", "the same answers were scored twice, and equally"),
)
"""For the table of checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The record, if there is one; `other_metrics` are those of the task that the policy does not ask for."""

    record: Record | None
    findings: tuple[Finding, ...] = ()
    other_metrics: tuple[str, ...] = ()


def choose(side: str, asked: Asked, records: Sequence[Record]) -> Chosen:
    """The one record of the task on this side."""
    fitting, others = answering(asked, records)
    if len(fitting) < 2:  # noqa: PLR2004 - none or one
        return Chosen(record=fitting[0] if fitting else None, other_metrics=tuple(others))
    metrics = sorted({one.facts.metric or "" for one in fitting})
    if len(metrics) > 1:
        text = f"the {side} has {', '.join(map(cut, metrics))}; name one as the policy's `metric`"
        return Chosen(record=fitting[0], findings=(_invalid("several-metrics", text),))
    first, *again = fitting
    # What is asked here is scored as it is asked, so two records of it are two runs.
    if (
        asked.own is None
        and first.answers
        and all(one.answers and _same_answers(first.answers, one.answers) for one in again)
    ):
        return Chosen(record=first, findings=(_scored_again(side, first.answers, again),))
    text = f"the {side} holds {len(fitting)} records of the task; which one counts cannot be chosen afterwards"
    return Chosen(record=first, findings=(_invalid("several-records", text),))


def _same_answers(one: Answers, other: Answers) -> bool:
    """Whether these are the same answers, word for word; what has no text cannot be."""
    return all(one.said) and _by_item(one, "said") == _by_item(other, "said")


def _scored_again(side: str, first: Answers, again: Sequence[Record]) -> Finding:
    scores = _by_item(first, "scores")
    moved = {
        item
        for one in again
        if one.answers
        for (item, _), score in _by_item(one.answers, "scores").items()
        if scores[item, _] != score
    }
    if moved:
        text = f"the {side}'s answers were scored {len(again) + 1} times, and {named(sorted(moved))} differently"
        return _invalid("scored-twice-differs", text)
    text = f"the {side}'s answers were scored {len(again) + 1} times with the same result"
    return Finding(id="scored-twice", weight="note", text=text)


def _by_item(answers: Answers, column: str) -> dict[tuple[str, int], float]:
    return dict(zip(zip(answers.ids, answers.repeats, strict=True), getattr(answers, column), strict=True))


def _invalid(name: str, text: str) -> Finding:
    return Finding(id=name, weight="invalid", text=text)
