"""The same numbers under another release's name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.published import AggregateScores, Published
from flagrelease.domain.verdict import Finding

SAME_ROWS: Final = 3
"""Tasks with equal scores after which chance is no explanation: of some 1,000 items one in ten scores is equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The scores of one release, as shares, by task. `release` is its chip and model."""

    title: str
    chip: str
    model: str
    rows: Mapping[str, tuple[float, float]]


def table_of(published: Published) -> Table | None:
    """A published table; None where only differences were published."""
    if not isinstance(published.scores, AggregateScores):
        return None
    rows = {row.benchmark: (row.reference / row.scale, row.target / row.scale) for row in published.scores.rows}
    return Table(title=published.name, chip=published.chip, model=published.model, rows=rows)


def copied(own: Table, others: Iterable[Table]) -> Iterator[Finding]:
    """What another release has in common with this one. A table of this very release is no other one."""
    for other in others:
        if own.chip and own.model and (own.chip, own.model) == (other.chip, other.model):
            continue
        shared = [(own.rows[name], other.rows[name]) for name in sorted(own.rows.keys() & other.rows.keys())]
        # Rows whose two sides are equal say nothing about the order of the columns, and count for the same one.
        same = sum(_equal(mine[1], theirs[1]) for mine, theirs in shared)
        swapped = sum(
            _equal(mine[0], theirs[1]) and _equal(mine[1], theirs[0]) and not _equal(*mine) for mine, theirs in shared
        )
        for count, how in (
            (same, "the target's scores are those"),
            (swapped, "with its columns exchanged, the scores are those"),
        ):
            if count >= SAME_ROWS:
                yield _finding(own, other, count, len(shared), how)


def _equal(one: float, other: float) -> bool:
    """To two decimals of a percentage."""
    return abs(round(100 * one, 2) - round(100 * other, 2)) < 0.005  # noqa: PLR2004 - half of the last decimal


def _finding(own: Table, other: Table, count: int, of: int, how: str) -> Finding:
    text = f"{how} of `{other.title}` ({other.chip}, {other.model}) on {count} of {of} common tasks"
    if own.chip and own.model:
        return Finding(id="copied-scores", weight="invalid", text=f"{text}: one of the two was copied")
    return Finding(
        id="published-scores",
        weight="hold",
        text=f"{text}: if this is that release, say so with --chip and --model; else one was copied",
    )


TITLES: Final = (
    ("copied-scores", "invalid", "three tasks or more have another release's scores, also with the columns exchanged"),
    ("published-scores", "hold", "the same, where the release that is judged is not named"),
)
"""For the table of checks."""
