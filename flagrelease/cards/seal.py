"""Tells whether a card is still the one that was written, without writing it again: that is most of an idle build."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from flagrelease import __version__
from flagrelease.domain.release import Release
from flagrelease.formats.canonical import canonical_json
from flagrelease.report.gate.place import PAGE

if TYPE_CHECKING:
    from flagrelease.pipeline import Built


def card_seal(card: Path, built: "Built", release: Release | None) -> str | None:
    """The hash of all that a card and its page are written from and of what is in them now; None when one is not there.

    The page is the file beside the card.
    """
    try:
        content = [path.read_bytes() for path in (card, card.with_name(PAGE))]
    except FileNotFoundError:
        return None
    here = Path(__file__).parent
    code = [
        path.read_bytes()
        for folder in (here, here.parent / "report" / "gate")
        for path in sorted(folder.iterdir())
        if path.suffix in (".py", ".j2", ".css")
    ]
    values = [canonical_json(built), canonical_json(release), __version__.encode()]
    parts = (hashlib.sha256(part).digest() for part in (*code, *values, *content))
    return hashlib.sha256(b"".join(parts)).hexdigest()
