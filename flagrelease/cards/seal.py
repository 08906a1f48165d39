"""Tells whether a card is still the one that was written, without writing it again: that is most of an idle build."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from flagrelease import __version__
from flagrelease.domain.release import Release
from flagrelease.formats.canonical import canonical_json

if TYPE_CHECKING:
    from flagrelease.pipeline import Built


def card_seal(card: Path, built: "Built", release: Release | None) -> str | None:
    """The hash of all that a card is written from and of what is in it now; None when there is no card."""
    try:
        content = card.read_bytes()
    except FileNotFoundError:
        return None
    here = Path(__file__).parent
    code = [path.read_bytes() for path in sorted((*here.glob("*.py"), *here.glob("*.j2")))]
    values = [canonical_json(built), canonical_json(release), __version__.encode()]
    parts = (hashlib.sha256(part).digest() for part in (*code, *values, content))
    return hashlib.sha256(b"".join(parts)).hexdigest()
