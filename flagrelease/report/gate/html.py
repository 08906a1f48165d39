"""The report as one HTML file: no script, nothing from elsewhere, readable on a telephone, in the dark and on paper.

Every value may come from somebody's file, so each is made plain first and escaped then; the page's own policy forbids
whatever could still be loaded, and lets no style work but the one that is named by its hash.
"""

import base64
import hashlib
from functools import partial
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from flagrelease import __version__
from flagrelease.gate.phrases import points
from flagrelease.report.gate.forest import GLYPHS, forest
from flagrelease.report.gate.oc import drawn, heads
from flagrelease.report.gate.page import Page, Told
from flagrelease.report.gate.plain import plain
from flagrelease.report.gate.words import NONE, WORDS, counted, difference_of, named

_SOURCES: Final = 100
"""Files that are named; a folder of results may have thousands, and `--json` names each."""


def html(page: Page) -> str:
    """The whole document."""
    style = Markup(files(__package__).joinpath("page.css").read_text())  # noqa: S704 - a file of this package
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    shown = dict.fromkeys(row.decision for row in page.rows)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            told=partial(_told, page),
            words=WORDS[page.decision],
            style=style,
            style_hash=f"sha256-{digest}",
            confidence=f"{100 * page.confidence:g}",
            forest=forest(page.rows),
            curve=drawn(page.curve) if page.curve else None,
            heads=heads(page.curve) if page.curve else (),
            key=[(GLYPHS[decision], decision) for decision in shown],
            unpaired=any(not row.is_paired for row in page.rows),
            has_scored=any(row.scored for row in page.rows),
            most=_SOURCES,
            writer=f"flagrelease {__version__}",
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flagrelease.report.gate", "."),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_harmless,
        keep_trailing_newline=True,
    )
    environment.globals.update(verdicts={glyph: decision for decision, glyph in GLYPHS.items()})
    environment.filters.update(
        points=lambda share: NONE if share is None else points(share),
        percent=lambda share: f"{100 * share:.1f}",
        difference=lambda row: difference_of(row).replace("-", "−"),
        flips=lambda row: NONE if row.lost is None else f"{row.lost:,} / {row.gained:,}",
        counted=counted,
    )
    return environment


def _harmless(value: object) -> object:
    """Text is made plain before it is escaped; what is markup already was made here."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _told(page: Page, one: Told) -> Markup:
    """A sentence with its check's id, and the tasks that it is about."""
    names = named(page, one.tasks)
    about = Markup("<strong><bdi>{}</bdi></strong>: ").format(names) if names else ""
    name = Markup(" <code>{}</code>").format(plain(one.id)) if one.id else ""
    return Markup("{}<bdi>{}</bdi>{}").format(about, escape(plain(one.text)), name)
