"""The report in Markdown, for a card or a review: the decision and why, the plot in characters, the table."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from flagrelease.gate.phrases import points
from flagrelease.report.gate.forest import reach_of, steps
from flagrelease.report.gate.page import Page, Row, Told
from flagrelease.report.gate.plain import plain
from flagrelease.report.gate.words import NONE, WORDS, counted, difference_of, named

_HALF: Final = 20
"""Characters on each side of 0."""
_NAME: Final = 28
_SOURCES: Final = 100

_GLYPHS: Final = {
    "PASS": "●", "PASS_WARN": "◐", "FAIL": "x", "ANOMALY": "▲", "INCONCLUSIVE": "○", "INVALID": "□",
}  # fmt: skip

# An underscore inside a word is no markup (CommonMark, emphasis).
_SPECIAL: Final = re.compile(r"([\\`*{}\[\]<>|#&~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def markdown(page: Page) -> str:
    """The whole report."""
    lines = [f"# {page.decision}: {WORDS[page.decision]}", "", f"{_text(page.title)}. {_text(page.summary)}.", ""]
    if page.waiver:
        lines += [f"> {_text(page.waiver)}", ""]
    lines += [f"- {_told(page, one)}" for one in page.reasons]
    if page.settle:
        lines += ["", "## What would settle it", "", *(f"- {_text(text)}" for text in page.settle), ""]
        lines += ["`docs/hold.md` of flagrelease says what each reason means and what to run."]
    lines += ["", "## Differences and margins", "", *plot(page.rows), "", *_caption(page), "", *table(page), ""]
    if page.suite:
        lines += [f"{_text(page.suite)}.", ""]
    if page.findings:
        lines += ["## What the checks found", "", "| tasks | id | weight | what |", "|---|---|---|---|"]
        lines += [
            f"| {_text(named(page, one.tasks)) or 'all'} | {_code(one.id)} | {one.weight} | {_text(one.text)} |"
            for one in page.findings
        ]
        lines.append("")
    lines += ["## What it rests on", "", *(f"- {_text(name)}: {_text(text)}" for name, text in page.facts)]
    lines += [
        f"- {_text(one.side)}: {_text(one.path)} ({_text(one.kind)}), sha256 {_text(one.sha256)}"
        for one in page.sources[:_SOURCES]
    ]
    if len(page.sources) > _SOURCES:
        lines.append(f"- and {len(page.sources) - _SOURCES:,} more files; `--json` names each")
    lines += [f"- {_text(text)}" for text in page.asides]
    return "\n".join([*lines, ""])


def plot(rows: Sequence[Row]) -> Iterator[str]:
    """A forest plot in a block of code: `|` is no difference, `!` the margin, arrows go on beyond it."""
    if not rows:
        return
    reach = reach_of(rows)
    names = [_cut(row.task) for row in rows]
    wide = max(map(len, names))
    yield "```text"
    yield f"{'':{wide}}  {_axis(reach)}".rstrip()
    for name, row in zip(names, rows, strict=True):
        yield f"{name:{wide}}  {_line(row, reach)}  {row.decision}"
    yield "```"


def table(page: Page) -> Iterator[str]:
    """One row a task."""
    level = f"{100 * page.confidence:g} %"
    heads = ("task", "n", "reference", "target", f"difference [{level} interval]", "flips b / c", "margin", "verdict")
    scored = any(row.scored for row in page.rows)
    yield f"| {' | '.join(heads).replace('| n |', '| n (scored / expected) |' if scored else '| n |')} |"
    yield "|---|--:|--:|--:|---|--:|--:|---|"
    for row in page.rows:
        cells = (
            _text(row.task) + ("" if row.tier == "critical" else f" ({row.tier})"),
            counted(row),
            NONE if row.reference is None else points(row.reference),
            NONE if row.target is None else points(row.target),
            difference_of(row),
            NONE if row.lost is None else f"{row.lost:,} / {row.gained:,}",
            points(row.margin),
            row.decision,
        )
        yield f"| {' | '.join(cells)} |"


def _caption(page: Page) -> Iterator[str]:
    yield (
        f"Target minus reference in points of 100 with its {100 * page.confidence:g} % interval; left is worse. A task "
        "passes when all of its interval is to the right of its margin `!`."
        + (" Dotted intervals are of two unpaired scores and decide nothing." * any(not r.is_paired for r in page.rows))
    )


def _axis(reach: float) -> str:
    cells = [" "] * (2 * _HALF + 7)
    for at, word in steps(reach):
        start = _column(at, reach) - len(word) // 2
        cells[max(0, start) : max(0, start) + len(word)] = word
    return "".join(cells)


def _line(row: Row, reach: float) -> str:
    """From what lies below to what lies on top: the interval, no difference, the margin, the ends, the difference."""
    cells = [" "] * (2 * _HALF + 1)
    low, high = row.interval or (0.0, 0.0)
    start, end = _column(low, reach), _column(high, reach)
    if row.interval is not None:
        cells[start : end + 1] = ("─" if row.is_paired else "·") * (end - start + 1)
    cells[_HALF] = "|"
    if row.interval is not None:
        cells[start], cells[end] = ("[" if low >= -reach else "<"), ("]" if high <= reach else ">")
    cells[_column(-row.margin, reach)] = "!"
    if row.difference is not None:
        cells[_column(row.difference, reach)] = _GLYPHS[row.decision]
    return "".join(cells)


def _column(difference: float, reach: float) -> int:
    share = min(1.0, max(-1.0, difference / reach))
    return round(_HALF * (share + 1))


def _cut(name: str) -> str:
    text = plain(name).replace("`", "'")
    return text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"


def _told(page: Page, one: Told) -> str:
    about = f"**{_text(names)}**: " if (names := named(page, one.tasks)) else ""
    return f"{about}{_text(one.text)}" + (f" ({_code(one.id)})" if one.id else "")


def _code(text: str) -> str:
    return "`" + plain(text).replace("`", "'").replace("|", "¦") + "`"


def _text(text: str) -> str:
    """Plain, and without Markdown or HTML of its own."""
    return _SPECIAL.sub(r"\\\1", plain(text))
