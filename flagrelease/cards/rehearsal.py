"""The card of a rehearsal: what was real, what stood in, how that was called. It says that it is no release."""

from pathlib import Path

from flagrelease.cards.markdown import environment
from flagrelease.domain.engine_build import Rehearsed
from flagrelease.formats.durable import write_durably
from flagrelease.report.words import size

CARD = "REHEARSAL.md"


def write_rehearsal_card(path: Path, rehearsed: Rehearsed, *, parts: int) -> None:
    """Write it; `parts` is how many inputs the lock has."""
    template = environment().get_template("rehearsal.md.j2")
    write_durably(path, template.render(rehearsed=rehearsed, parts=parts, size=size(rehearsed.size)).encode())
