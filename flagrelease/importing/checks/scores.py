"""Scores: what they are compared with, their scales, and what is missing to judge them."""

from collections.abc import Iterator
from typing import Final

from flagrelease.importing.bundle_name import as_name
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.scores import Score, ScoreLine, ScoreTable, scale_of
from flagrelease.importing.subject import Subject
from flagrelease.importing.vendors import REFERENCE_PARTS

_LARGE_PT: Final = 5.0
"""The widest margin that anybody published, in points."""


def references(subject: Subject) -> Iterator[CardDefect]:
    """The text names one part as the reference, the table another."""
    headers = {table.header.line for table in subject.card.tables}
    in_tables = {
        part: table.line
        for table in subject.scores
        for title in table.columns
        for part in REFERENCE_PARTS.findall(title)
    }
    if not in_tables:
        return
    for line in subject.card.lines:
        if line.number in headers or not line.is_prose or "|" in line.text[:1]:
            continue
        for part in REFERENCE_PARTS.findall(line.text):
            if part not in in_tables:
                known = ", ".join(f"{name} (line {number})" for name, number in in_tables.items())
                what = f"the text compares with {part}, the table with {known}"
                yield CardDefect(line=line.number, kind="reference-differs", what=what)


def differences(subject: Subject) -> Iterator[CardDefect]:
    """Differences without sign and base."""
    for table in subject.scores:
        if table.differences and not any(score.signed for row in table.rows for score in row.scores):
            percent = any(score.percent for row in table.rows for score in row.scores)
            unit = ", and whether per cent is of points or of the score" if percent else ""
            what = f"the differences have no sign and no base{unit} is not said" if unit else "no sign and no base"
            yield CardDefect(line=table.line, kind="unsigned-difference", what=what)


def counts(subject: Subject) -> Iterator[CardDefect]:
    """Tables that do not say over how many items."""
    for table in subject.scores:
        words = " ".join((table.heading, *table.columns, *(row.title for row in table.rows))).lower()
        if "items" not in words and "n=" not in words and " n " not in words:
            what = "the table says neither how many items there are, nor by which harness and data they were scored"
            yield CardDefect(line=table.line, kind="no-item-counts", what=what)


def rows(subject: Subject) -> Iterator[CardDefect]:
    """Rows without a score, with a large drop, of two editions, of an unknown benchmark."""
    for table in subject.scores:
        for row in table.rows:
            yield from _row(table, row)


def _row(table: ScoreTable, row: ScoreLine) -> Iterator[CardDefect]:
    if not row.is_known:
        yield CardDefect(
            line=row.line, kind="unknown-benchmark", what=f"no recipe knows the benchmark `{row.title[:60]}`"
        )  # fmt: skip
    for title, score in zip(table.columns, row.scores, strict=False):
        if score.value is None:
            said = f"`{score.text[:60]}`" if score.text else "nothing"
            what = f"{row.title[:60]}: {said} stands where the score of `{title[:60]}` should"
            yield CardDefect(line=row.line, kind="not-a-score", what=what)
    if table.differences or max(table.reference, table.target) >= len(row.scores):
        return
    reference, target = row.scores[table.reference], row.scores[table.target]
    if reference.note and target.note and reference.note != target.note:
        what = f"{row.title[:60]}: `{reference.note}` on one side, `{target.note}` on the other"
        yield CardDefect(line=row.line, kind="other-editions", what=what)
    elif (lost := _lost_pt(reference, target)) > _LARGE_PT:
        what = f"{row.title[:60]}: {reference.text} → {target.text}, {lost:.1f} points less"
        yield CardDefect(line=row.line, kind="large-drop", what=what)


def _lost_pt(reference: Score, target: Score) -> float:
    if reference.value is None or target.value is None:
        return 0.0
    return (reference.value - target.value) * 100 / scale_of(reference, target)


def scales(subject: Subject) -> Iterator[CardDefect]:
    """Scores out of 1 beside scores out of 100, within a row or a table."""
    for table in subject.scores:
        if table.differences:
            continue
        by_scale: dict[str, str] = {}
        for row in table.rows:
            for score in row.scores:
                if (kind := _spelling(score)) and (score.value or 0) != 0:
                    by_scale.setdefault(kind, f"{as_name(row.title) or 'a row'} {score.text[:20]} (line {row.line})")
        if len(by_scale) > 1:
            what = f"scores of {' and '.join(by_scale)} stand in one table: {', '.join(by_scale.values())}"
            yield CardDefect(line=table.line, kind="mixed-scales", what=what)


def _spelling(score: Score) -> str:
    if score.value is None:
        return "counts" if score.note else ""
    if score.percent:
        return "per cent"
    return {1: "0 to 1", 100: "0 to 100", 1000: "0 to 1000"}[scale_of(score)]


CHECKS: Final = (references, differences, counts, rows, scales)
