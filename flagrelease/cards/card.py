"""A bundle's card: Markdown written from its lock and its evidence, and from nothing else."""

import re
import shlex
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from flagrelease import __version__
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

# An underscore inside a word is no markup (CommonMark, emphasis).
_SPECIAL = re.compile(r"([\\`*{}\[\]<>|#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


_SMALLEST_P = 1e-12
_NAME = re.compile(r"[a-z0-9._-]+")


class _Ready(str):
    """Text that is Markdown already."""

    __slots__ = ()


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
        _environment()
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
            plot=_Ready("\n".join(plot(rows_of(verdict)))),
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


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flagrelease.cards", "."),
        undefined=StrictUndefined,
        finalize=_escaped,
        autoescape=False,  # noqa: S701 - Markdown, not HTML: `finalize` escapes every value
        keep_trailing_newline=True,
    )
    environment.filters.update(
        code=_code,
        plain=_plain,
        shell=_shell,
        points=lambda fraction: _Ready("–" if fraction is None else f"{100 * fraction:.2f}"),
        signed=lambda fraction: _Ready("–" if fraction is None else f"{100 * fraction:+.2f}"),
        p_value=lambda p: _Ready(f"= {p:.1e}" if p >= _SMALLEST_P else f"< {_SMALLEST_P:.0e}"),
        thousands=lambda number: _Ready(f"{number:,}"),
        words=lambda name: str(name).replace("_", " "),
        sentence=lambda text: text[:1].upper() + text[1:],
        carrier=_carrier,
        look=look_words,
        repeats=lambda task: repeats_words(task.repeats, task.repeats_share),
    )
    return environment


def _escaped(value: object) -> str:
    if isinstance(value, _Ready):
        return value
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _code(value: object) -> _Ready:
    return _Ready("`" + str(value).replace("`", "'").replace("|", "¦") + "`")


def _plain(name: str) -> _Ready:
    """A name that goes into a command as it is; names are checked when a recipe is read."""
    assert _NAME.fullmatch(name), name
    return _Ready(name)


def _shell(text: str) -> _Ready:
    """One word of a command in a block of code: quoted for a shell, which no Markdown in it can end."""
    assert "\n" not in text, text
    return _Ready(shlex.quote(text))


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
