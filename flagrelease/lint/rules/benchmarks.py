"""Published tables: scores that are out of range, off scale, or of no number of items."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.published import AggregateScores, ScoreRow
from flagrelease.gate.attainable import attainable
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import TableView

_WIDEST_MARGIN: Final = 5.0
_SAME_ROWS: Final = 3

_Row = tuple[TableView, int, ScoreRow]


def _rows(project: Project) -> Iterator[_Row]:
    for one in project.tables:
        if isinstance(one.table.scores, AggregateScores):
            for index, row in enumerate(one.table.scores.rows):
                yield one, index, row


@rule(
    "FR521",
    "error",
    "a published score on another scale than its benchmark",
    why=(
        "Cards write 0.697, 78.28 and 23/30 in one column. A score beside the wrong scale is a hundred times too good "
        "or bad."
    ),
    hint="write the row's `scale` as the benchmark has it, and the scores as printed",
    bad={"table.scores.rows[0].scale": 1000},
    good={"table.scores.rows[0].scale": 100},
)
def row_scale(project: Project) -> Iterator[Found]:
    """A row's scale against its benchmark's."""
    for one, index, row in _rows(project):
        benchmark = project.recipes.benchmarks.get(row.benchmark)
        if benchmark and row.scale != benchmark.scale:
            text = f"`{row.benchmark}` is out of {benchmark.scale}, the row out of {row.scale}"
            yield one.found("scores", "rows", index, "scale", text=text)


@rule(
    "FR522",
    "error",
    "a score that is out of its scale",
    why="A score above its scale, or below zero, was typed wrong or belongs to another row.",
    hint="copy the score again, or correct the scale",
    bad={"table.scores.rows[0].target": 598.0},
    good={"table.scores.rows[0].target": 59.8},
)
def row_range(project: Project) -> Iterator[Found]:
    """Both sides within 0 and the scale; both at most 1 on a scale of 100 is a warning."""
    for one, index, row in _rows(project):
        for side in ("reference", "target"):
            score = getattr(row, side)
            if not 0 <= score <= row.scale:
                text = f"`{row.benchmark}`: {score:g} is not within 0 and {row.scale}"
                yield one.found("scores", "rows", index, side, text=text)
        if row.scale > 1 and 0 < row.reference <= 1 and 0 < row.target <= 1:
            text = f"`{row.benchmark}`: {row.reference:g} and {row.target:g} of {row.scale} look like shares of 1"
            yield one.found("scores", "rows", index, text=text, severity="warning")


@rule(
    "FR523",
    "warning",
    "a score that no number of right answers gives",
    why=(
        "The first Cambricon card prints 24.37 and 23.75 for MMMU-Pro vision. Neither is a number of right answers out "
        "of 1,730: items were dropped, different ones on each side perhaps, or runs averaged, and the card says "
        "neither."
    ),
    hint="ask for the items' records; the number of runs that were averaged is written as `repeats`",
    bad={"table.scores.rows[0].target": 59.87},
    good={"table.scores.rows[0].target": 59.9},
)
def unattainable(project: Project) -> Iterator[Found]:
    """Aggregates of right or wrong answers, or of graded ones whose step is known."""
    for one, index, row in _rows(project):
        benchmark = project.recipes.benchmarks.get(row.benchmark)
        if benchmark is None or benchmark.step is None or benchmark.scale != row.scale:
            continue
        for side in ("reference", "target"):
            score, runs = getattr(row, side), row.repeats or 1
            possible = attainable(score, items=benchmark.items, scale=row.scale, step=benchmark.step, repeats=runs)
            if 0 <= score <= row.scale and not possible:
                of = f"{benchmark.items:,} items" + (f" × {runs}" if runs > 1 else "")
                text = f"`{row.benchmark}`: {score:g} is the score of no number of answers out of {of}"
                yield one.found("scores", "rows", index, side, text=text)


@rule(
    "FR524",
    "error",
    "a benchmark that is in one table twice",
    why="Of two rows of one benchmark a reader takes the better one. Two settings of it are two benchmarks.",
    hint="leave one row, or give the other setting a benchmark of its own",
    bad={"table.scores.rows[1]": {"benchmark": "quiz", "scale": 100, "reference": 61.0, "target": 61.0}},
    good={"table.scores.rows[1]": {"benchmark": "essay", "scale": 100, "reference": 61.0, "target": 61.0}},
)
def repeated_row(project: Project) -> Iterator[Found]:
    """Rows of scores and of differences."""
    for one in project.tables:
        seen: set[str] = set()
        for index, benchmark in enumerate(one.benchmarks):
            if benchmark in seen:
                yield one.found("scores", "rows", index, "benchmark", text=f"`{benchmark}` has a row above")
            seen.add(benchmark)


@rule(
    "FR525",
    "warning",
    "a published difference wider than any margin",
    why=(
        "Ten drops of more than 5 points were released among 70 cards, GPQA 24.0 to 14.0 for one; gains of 10 points "
        "mean that the reference was broken. Neither is consistency, and both stand under that word."
    ),
    hint="measure both sides again before anything is claimed",
    bad={"table.scores.rows[0].target": 50.1},
    good={"table.scores.rows[0].target": 59.8},
)
def wide_difference(project: Project) -> Iterator[Found]:
    """More than 5 of 100 points between the sides, the widest margin that anybody published."""
    for one, index, row in _rows(project):
        points = 100 * (row.target - row.reference) / row.scale
        in_range = all(0 <= score <= row.scale for score in (row.reference, row.target))
        if in_range and abs(points) > _WIDEST_MARGIN:
            text = f"`{row.benchmark}`: {points:+.1f} points between reference and target"
            yield one.found("scores", "rows", index, text=text)


@rule(
    "FR526",
    "warning",
    "scores of another model's table",
    why=(
        "Kimi-K2's card has four rows of ERNIE-4.5's; two cards of one model hold the same 16 numbers with the columns "
        "exchanged. Equal scores to the last digit on several benchmarks are a copy."
    ),
    hint="find out which of the two tables is the measured one",
    bad={"copy.scores.rows": [
        {"benchmark": name, "scale": 100, "reference": score, "target": score} for name, score in
        (("quiz", 51.1), ("essay", 52.2), ("riddle", 53.3))
    ], "table.scores.rows": [
        {"benchmark": name, "scale": 100, "reference": score, "target": score} for name, score in
        (("quiz", 51.1), ("essay", 52.2), ("riddle", 53.3))
    ]},
    good={"copy.scores.rows": [{"benchmark": "quiz", "scale": 100, "reference": 60.1, "target": 59.8}]},
)  # fmt: skip
def copied_rows(project: Project) -> Iterator[Found]:
    """Three or more rows that two models' tables have in common, in either order of the columns."""
    holders: dict[tuple[str, frozenset[float]], list[TableView]] = {}
    for one, _, row in _rows(project):
        holders.setdefault((row.benchmark, frozenset((row.reference, row.target))), []).append(one)
    shared: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], tuple[TableView, TableView]] = {}
    for tables in holders.values():
        # Against the first holder only, so that many equal rows take no longer than few.
        for other in tables[1:]:
            if other.table.model != tables[0].table.model:
                pair = (_name(tables[0]), _name(other))
                shared[pair] = shared.get(pair, 0) + 1
                seen[pair] = (tables[0], other)
    for pair, count in shared.items():
        if count >= _SAME_ROWS:
            text = f"{count} rows are those of `{pair[0]}`, which is about another model"
            yield seen[pair][1].found("scores", text=text)


def _name(one: TableView) -> str:
    return f"{one.chip}/{one.name}"
