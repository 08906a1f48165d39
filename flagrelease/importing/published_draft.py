"""The drafts of published scores: one a table, as printed, in the units that the numbers seem to have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.value import Name
from flagrelease.formats.fits import fits
from flagrelease.formats.placeholders import TODO_NAME, todo
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.bundle_draft import variant_name
from flagrelease.importing.scores import Score, ScoreLine, ScoreTable, scale_of
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Block, Note, Number, Pair, draft_text

_MOST: Final = 200


@dataclass(frozen=True, kw_only=True)
class PublishedDraft:
    """One table's draft: its name below `recipes/published/<chip>/`, and the way of running that it is about."""

    name: str
    way: str
    text: str


def published_drafts(subject: Subject) -> Iterator[PublishedDraft]:
    """A draft for each table in which there are numbers."""
    taken: set[str] = set()
    for table in subject.scores:
        rows = [block for row in table.rows[:_MOST] if (block := _row(table, row))]
        if not rows:
            continue
        variant = variant_name(subject, table.way or subject.card.ways[0])
        name = f"{subject.model_name or TODO_NAME}.{variant}"
        number = 2
        while name in taken or not fits(Name, name):
            name, number = f"{(subject.model_name or TODO_NAME)[:60]}.table{number}", number + 1
        taken.add(name)
        yield PublishedDraft(name=name, way=table.way, text=_text(subject, table, rows, name, variant))


def _text(subject: Subject, table: ScoreTable, rows: list[Block], name: str, variant: str) -> str:
    source = f"card {sentence(subject.card.source)}:{table.line}-{table.last_line}"
    kind = "difference_only" if table.differences else "aggregate_only"
    about = _above(subject, table) if table.differences else ""
    block: list[Pair | Note] = [
        Pair("schema", "flagrelease.published/v1"),
        Pair("name", name),
        Pair("title", sentence(f"{subject.model_title}, as its card has it")),
        Pair("chip", subject.chips[0] if subject.chips else TODO_NAME),
        Pair("model", subject.model_name or TODO_NAME),
        Pair("variant", variant),
        Pair("reference", todo(f"the card says: {sentence(about)[:300]}") if about else _title(table.reference_title)),
        Pair("target", todo("what was switched on") if table.differences else _title(table.target_title)),
        *_left_out(table),
        Pair("scores", [Pair("kind", kind), Pair("rows", [list(row) for row in rows])]),
        Pair("source", source),
    ]
    head = [
        "yaml-language-server: $schema=../../schema/published.json",
        "Draft by `flagrelease import-card`: scales are guessed from the numbers. Each TODO is a gap.",
    ]
    return draft_text(head, block)


def _above(subject: Subject, table: ScoreTable) -> str:
    """The sentence above the table, which says what the differences are between; else its heading."""
    lines = [line.text for line in subject.card.lines[max(0, table.line - 4) : table.line - 1] if line.text.strip()]
    return lines[-1] if lines and len(lines[-1]) > len(table.reference_title) else table.reference_title


def _title(text: str) -> str:
    return sentence(text)[:300] or todo("the column has no heading")


def _left_out(table: ScoreTable) -> Iterator[Note]:
    """Columns and rows that are not in the draft."""
    for index, title in enumerate(table.columns):
        if index not in (table.reference, table.target):
            yield Note(f"left out: the column {title}")
    for row in table.rows[:_MOST]:
        if not _row(table, row):
            said = ", ".join(score.text or "nothing" for score in row.scores)
            yield Note(f"left out, line {row.line}: {row.title}: {said}")


def _row(table: ScoreTable, row: ScoreLine) -> Block:
    name = row.benchmark if fits(Name, row.benchmark) else ""
    known = "" if row.is_known else "no recipe of this benchmark yet"
    extra = [Pair("shots", row.shots)] if row.shots is not None else []
    extra += [Pair("repeats", row.repeats)] if row.repeats else []
    if not name or max(table.reference, table.target) >= len(row.scores):
        return []
    reference, target = row.scores[table.reference], row.scores[table.target]
    if reference.value is None or target.value is None:
        return []
    first: list[Pair | Note] = [Pair("benchmark", name, known)]
    if table.differences:
        unit = "percent, absolute or relative unstated" if target.percent else "points"
        return [*first, Pair("difference", Number(target.spelled)), Pair("unit", unit), *extra]
    return [
        *first,
        Pair("scale", scale_of(reference, target)),
        Pair("reference", Number(reference.spelled)),
        Pair("target", Number(target.spelled)),
        *extra,
        *_note(reference, target),
    ]


def _note(reference: Score, target: Score) -> Iterator[Pair]:
    said = [one.text for one in (reference, target) if one.note]
    if said:
        yield Pair("note", sentence(f"printed as {' and '.join(said)}"))
