"""Words: other vendors', claims, placeholders, licences, and marks that a template left behind."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.importing.defect import CardDefect
from flagrelease.importing.subject import Subject
from flagrelease.importing.vendors import BY_MAIL, vendor_of_word

_DOUBLED: Final = re.compile(r"-FlagOS-FlagOS\b")
_MISSPELT: Final = re.compile(r"\btqingmicro\b", re.IGNORECASE)
_ADAPTED: Final = re.compile(
    r"\badapted for (?:the )?([A-Za-z]{2,20})\b|\bFlagOS-([A-Za-z]{2,20})\*{0,2} container image"
    r"|\b(?:deployment|execution) (?:of [\w .-]{1,60} )?on ([A-Za-z]{2,20})\b"
    r"|\bfor the ([A-Za-z]{2,20}) (?:platform|chip)\b",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60}){1,4})")
_CLAIM: Final = re.compile(
    r"\b(?:better (?:performance )?than|outperform\w*|state[- ]of[- ]the[- ]art|unparalleled|industry[- ]leading"
    r"|(?:get|for|with) better performance|best[- ]in[- ]class|fastest|highest performance|maximiz\w+|surpass\w*"
    r"|(?:approximately|about|around|over|nearly|≈|~) ?\d{1,3} ?%|within minutes|significantly (?:reduc|improv)\w+)",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"<[A-Za-z_][\w /.-]{0,60}>|‹[^›]{1,60}›|\bhttps?://ip\b|/path/to/[\w/.-]{1,80}|\bdriver_x\b|待定|待补充"
    r"|\bTBD\b|\bTODO\b|\bto be (?:added|determined)\b|\byour_(?:name|email)\b|\{\{[^}]{0,60}\}\}"
)
_MARKUP: Final = re.compile(r"<(?:br|img|div|p|a|b|i|sup|sub|details|summary|chip)\b[^>]*>", re.IGNORECASE)
_LICENCE: Final = re.compile(
    r"\bapache[- ]?(?:licen[cs]e)?,?[- ]?(?:version )?2(?:\.0)?\b|\bMIT licen[cs]e\b", re.IGNORECASE
)
_WEIGHTS: Final = re.compile(r"weights?|model|权重", re.IGNORECASE)


def names(subject: Subject) -> Iterator[CardDefect]:
    """Names that a template or a hand got wrong."""
    for line in subject.card.lines:
        if found := _DOUBLED.search(line.text):
            yield CardDefect(line=line.number, kind="doubled-suffix", what=f"the name ends with `{found[0][1:]}`")
        if found := _MISSPELT.search(line.text):
            yield CardDefect(line=line.number, kind="misspelt-vendor", what=f"`{found[0]}` is TsingMicro")


def vendors(subject: Subject) -> Iterator[CardDefect]:
    """Another maker's chip, or another maker's mail address."""
    if not subject.vendor:
        return
    for line in subject.card.lines:
        for found in _ADAPTED.finditer(line.text):
            maker = vendor_of_word(next(word for word in found.groups() if word))
            if maker and maker != subject.vendor:
                what = f"`{found[0]}`, and the chip is of {subject.vendor}"
                yield CardDefect(line=line.number, kind="other-vendor", what=what)
        for domain in _MAIL.findall(line.text):
            maker = next((BY_MAIL[known] for known in BY_MAIL if domain.lower().endswith(known)), "")
            if maker and maker != subject.vendor:
                what = f"the address at {domain} is one of {maker}, the chip is of {subject.vendor}"
                yield CardDefect(line=line.number, kind="other-vendor", what=what)


def claims(subject: Subject) -> Iterator[CardDefect]:
    """What nobody measured."""
    for line in subject.card.lines:
        if line.is_prose and not line.text.lstrip().startswith("|") and (found := _CLAIM.search(line.text)):
            what = f"`{found[0]}`: nothing in the card shows it"
            yield CardDefect(line=line.number, kind="unmeasured-claim", what=what)


def placeholders(subject: Subject) -> Iterator[CardDefect]:
    """What was to be filled in."""
    for line in subject.card.lines:
        text = _MARKUP.sub(" ", line.text)
        if found := _PLACEHOLDER.search(text):
            yield CardDefect(line=line.number, kind="placeholder", what=f"`{found[0]}` was never filled in")


def licences(subject: Subject) -> Iterator[CardDefect]:
    """A licence that is claimed for weights."""
    front = subject.card.front.get("license")
    claimed = {front[0]: front[1]} if front and front[1] else {}
    for line in subject.card.lines:
        found = _LICENCE.search(line.text)
        if found and line.is_prose and (_WEIGHTS.search(line.text) or line.heading.lower().startswith("licen")):
            claimed.setdefault(line.number, found[0])
    known = subject.model.licence.name if subject.model else ""
    for number, name in list(claimed.items())[:3]:
        if not known:
            what = f"the card claims `{name}` for the weights, as every card of its template does"
            yield CardDefect(line=number, kind="licence-unchecked", what=what)
        elif _plain(name) not in _plain(known) and _plain(known) not in _plain(name):
            what = f"the card claims `{name}` for the weights; the model's recipe says {known}"
            yield CardDefect(line=number, kind="licence-differs", what=what)
    if subject.card.front and not subject.card.front.get("base_model", (0, ""))[1].strip():
        yield CardDefect(
            line=1, kind="base-model-unnamed", what="the front matter does not name the model's own repository"
        )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]|licen[cs]e|version|\.0\b", "", name.lower())


def two_ways(subject: Subject) -> Iterator[CardDefect]:
    """Weights that are handed out by mail and downloaded as well."""
    for table in subject.card.tables:
        for row in table.rows:
            asks = any(_MAIL.search(cell) for cell in row.cells)
            if asks and re.match(r"\s*model\b", row.cells[0], re.IGNORECASE) and subject.card.downloads:
                first = subject.card.downloads[0]
                what = f"the table hands the weights out by mail, the commands download them (line {first.line})"
                yield CardDefect(line=row.line, kind="mail-and-download", what=what)


def layout(subject: Subject) -> Iterator[CardDefect]:
    """Commands outside fences, and lines whose continuation is broken."""
    loose = [command for command in subject.card.commands if not command.fenced]
    if loose and len(loose) == len(subject.card.commands):
        what = f"none of the {len(loose)} commands is in a fenced block"
        yield CardDefect(line=loose[0].line, kind="lost-fences", what=what)
    for command in subject.card.commands:
        if command.cut:
            what = "a space behind `\\` ends the command there"
            yield CardDefect(line=command.line, kind="broken-continuation", what=what)


CHECKS: Final = (names, vendors, claims, placeholders, licences, two_ways, layout)
