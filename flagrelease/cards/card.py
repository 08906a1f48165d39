"""A bundle's card: Markdown written from its lock and its evidence, and from nothing else."""

import re
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from jinja2 import Environment

from flagrelease import __version__
from flagrelease.cards.markdown import Ready, environment
from flagrelease.domain.release import Release
from flagrelease.domain.source import FileSource
from flagrelease.domain.verdict import Evaluation, Verdict
from flagrelease.formats.canonical import sha256_of
from flagrelease.formats.durable import write_durably
from flagrelease.gate.records.words import look_words, repeats_words
from flagrelease.report.gate.fill import page_of_bundle, rows_of
from flagrelease.report.gate.html import html
from flagrelease.report.gate.markdown import plot
from flagrelease.report.gate.place import PAGE

if TYPE_CHECKING:
    from flagrelease.pipeline import Built


def write_card(path: Path, built: "Built", *, release: Release | None) -> None:
    """Write the card of a bundle, a draft or with the references of a release, and the gate's page beside it."""
    page = html(page_of_bundle(built.lock, built.image, built.evaluation))
    write_durably(path.with_name(PAGE), page.encode())
    write_durably(path, card_text(built, release=release).encode())


def card_text(built: "Built", *, release: Release | None) -> str:
    """The card. Every value is escaped, so that none can change the card's structure."""
    verdict = built.evaluation.verdict
    checks = built.serving.checks
    text = (
        _templates()
        .get_template("card.md.j2")
        .render(
            lock=built.lock,
            lock_sha256=sha256_of(built.lock),
            image=built.image,
            kernels=built.kernels,
            serving=built.serving,
            passed=sum(c.status == "pass" for c in checks),
            deviating=[c for c in checks if c.status == "deviates"],
            evaluation=built.evaluation,
            reference=_side(built.evaluation, "reference"),
            target=_side(built.evaluation, "target"),
            verdict=verdict,
            confidence=f"{100 * verdict.tasks[0].confidence:.0f}" if verdict.tasks else "",
            findings=_findings(verdict),
            plot=Ready("\n".join(plot(rows_of(verdict)))),
            page=PAGE,
            release=release,
            writer=f"flagrelease {__version__}",
        )
    )
    # Loops leave empty lines behind; Markdown needs one at most.
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


class _Side(NamedTuple):
    """What gave the answers of one side, and the first and the last day (UTC) that it did; one day when it was one."""

    software: list[str]
    days: list[str]


def _side(evaluation: Evaluation, side: Literal["reference", "target"]) -> _Side:
    records = [file for file in evaluation.evidence if file.side == side]
    software = dict.fromkeys(f"{each.name} {each.version}" for file in records for each in file.software)
    days = sorted({file.finished.astimezone(UTC).date().isoformat() for file in records})
    return _Side(list(software), [*days[:1], *days[1:][-1:]])


def _findings(verdict: Verdict) -> dict[str, list[str]]:
    """What the gate noted, each with the tasks it is about."""
    found: dict[str, list[str]] = {}
    for task in verdict.tasks:
        for finding in task.findings:
            found.setdefault(finding.text, []).append(task.task)
    return found


def _templates() -> Environment:
    made = environment()
    made.filters.update(
        carrier=_carrier,
        look=look_words,
        repeats=lambda task: repeats_words(task.repeats, task.repeats_share),
    )
    return made


def _carrier(source: FileSource) -> str:
    match source.kind:
        case "wheel":
            return f"the wheel {source.project} {source.version}"
        case "folder":
            return "a folder of the recipe"
        case "huggingface":
            return f"{source.repo} at {source.revision or 'the commit that its lock pins'}"
        case "modelscope":
            return f"{source.repo} at {source.revision}"
